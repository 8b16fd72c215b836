"""Row f: the stream to one thousand and to five thousand clients, who listen to different parts of the city.

Facts of dispatch go its own way: outbox, relay, topic, notify's worker, log, tail, sockets. Every client must hear each
event of its area once, and no other. Beside it, in turn: the same bytes from a bare process to as many bare sockets.
"""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
import orjson

from shared.bus import outbox
from shared.bus.event import Event
from tests.bench import processor
from tests.bench.crowd import Crowd, Heard
from tests.bench.facts import heard_in, opened, text
from tests.bench.measure import BenchTrouble, Figure, Result, at_most, ratios
from tests.bench.processes import Process, folder, postgres, running, serving, set_up, staff

TITLE = "streams to thousands of clients"
PACK = "haidian"
# Clients, and the events of a round: some 200,000 and 250,000 deliveries, about a second with either.
SIZES = {1_000: 8_000, 5_000: 2_000}
# Of a hundred clients two listen to the whole district, ten to a street, 28 to a community, the others to a grid each.
LEVELS = (2, 12, 40)
ROUNDS = 3
WARM_EVENTS = 5_000  # more than notify keeps in memory, so that what it keeps is not counted as the clients'
PACED_SECONDS = 4.0
TICK_SECONDS = 0.05
ROUND_SECONDS = 40
REST_SECONDS = 1.5
REQUEST = "GET /notify/v1/stream?area={area} HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n\r\n"
NOTE = (
    "Of a hundred clients two listen to the whole district, ten to a street, 28 to a community and sixty to a grid of"
    " their own, so an event is heard by 24 of a thousand and by 120 of five thousand. The events are the facts that "
    "dispatch writes when a case is opened, put into its outbox as it puts them, all of a round at once; *events/s* "
    "are those that arrived, all clients added up, from the first row in the outbox to the last byte. The clients "
    "were compared with what was sent: each had every event of its area once, and no other, or the row would have "
    "failed. *Slowest behind first*: of the events of a round, the longest from the first client that had it to the "
    "last: while a round goes at full rate, and at half of that for four seconds. Memory is what the process holds "
    "more than before the clients came (resident, divided by them). The bare process has no HTTP, no log and no "
    "Postgres, and the events in memory before the clock starts; the loop sends a socket's bytes of a thousand events"
    " together."
)
HOLDS = (
    "One process of notify that does all: its worker appends the events to the log, its tail reads them back and "
    "makes each a frame once, and for every client that hears some a task wakes and writes what has gathered in one "
    "piece. The fewer clients hear an event the more of its time is the way through Postgres. The process that hears "
    "it all shares the two cores, so both rates are also its own. At rest a client is its request's task, its "
    "connection and its place in the list; rounds leave buffers behind."
)


class City(NamedTuple):
    """What is measured: the two processes, the outbox, and whose areas can be listened to, by level."""

    notify: Process
    bare: Process
    connection: "asyncpg.Connection[asyncpg.Record]"
    levels: list[list[str]]
    where: Path


class Measured(NamedTuple):
    """With so many clients: the rounds of both, the longest lag at half of our rate, kB a client at rest and after."""

    ours: list[Heard]
    bare: list[Heard]
    delivered: list[int]
    paced: Heard
    resting: float
    after: float
    bare_resting: float


async def run() -> Result:
    _allow_sockets(2 * max(SIZES) + 500)
    found = {}
    async with folder() as where, postgres(where) as server:
        settings, _ = await set_up(server.dsn, PACK, where)
        async with running([serving("dispatch", "worker", settings, where)]):
            for clients, events in SIZES.items():
                async with _city(settings, server.dsn, where) as city:
                    found[clients] = await _measure(city, clients, events)
    figures = []
    for clients, each in found.items():
        at = f"with {clients:,} clients"
        ours, bare = (
            [delivered / heard.seconds for delivered, heard in zip(each.delivered, rounds, strict=True)]
            for rounds in (each.ours, each.bare)
        )
        figures += [
            Figure(f"ours {at}", "events/s", ours),
            Figure(f"bare sockets {at}", "events/s", bare),
            Figure(f"ours / bare {at}", "×", ratios(ours, bare)),
            at_most(f"slowest behind first {at}", "s", [heard.behind for heard in each.ours], 1),
            Figure(f"slowest behind first {at}, half the rate", "s", [each.paced.behind]),
            at_most(f"memory of notify {at}, at rest", "kB/client", [each.resting], 40),
            Figure(f"memory of notify {at}, after the rounds", "kB/client", [each.after]),
            Figure(f"memory of the bare process {at}", "kB/client", [each.bare_resting]),
        ]
    return Result("f", TITLE, figures, [NOTE], HOLDS)


def _allow_sockets(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchTrouble(f"{wanted} open files are needed and {hard} allowed: raise the hard limit (ulimit -Hn)")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@asynccontextmanager
async def _city(settings: dict[str, str], dsn: str, where: Path) -> AsyncIterator[City]:
    notify = serving("notify", "all", settings, where)
    bare = Process("bare", ("tests.bench.bare_streams",), {}, where / "bare.log")
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT path FROM intake.areas WHERE ended_at IS NULL ORDER BY md5(path)")
        levels: list[list[str]] = [[], [], [], []]
        for row in rows:
            levels[row["path"].count(".")].append(row["path"])
        async with running([notify, bare]):
            yield City(notify, bare, connection, levels, where)
    finally:
        await connection.close()


async def _measure(city: City, clients: int, count: int) -> Measured:
    authorization = staff("subscriber", PACK)["Authorization"]
    crowd = Crowd(city.notify.port, lambda area: REQUEST.format(area=area, authorization=authorization).encode())
    beside = Crowd(city.bare.port, lambda area: f"{area}\n".encode())
    await _warm(city, crowd)
    areas = _areas(city, clients)
    empty, bare_empty = _memory(city.notify), _memory(city.bare)
    await crowd.join(areas)
    await beside.join(areas)
    await asyncio.sleep(REST_SECONDS)
    resting, bare_resting = _memory(city.notify) - empty, _memory(city.bare) - bare_empty
    ours, bare, delivered = [], [], []
    for number in range(-1, ROUNDS):
        events = opened(PACK, city.levels[-1], count)
        heard, wanted = await _published(city, crowd, areas, [events])
        same = await _written(city, beside, areas, events)
        if number >= 0:
            ours.append(heard)
            bare.append(same)
            delivered.append(wanted)
    rate = count / sorted(heard.seconds for heard in ours)[len(ours) // 2] / 2
    each = max(1, round(rate * TICK_SECONDS))
    ticks = [opened(PACK, city.levels[-1], each) for _ in range(round(PACED_SECONDS / TICK_SECONDS))]
    paced, _ = await _published(city, crowd, areas, ticks)
    after = _memory(city.notify) - empty
    await crowd.leave()
    await beside.leave()
    return Measured(ours, bare, delivered, paced, resting / clients, after / clients, bare_resting / clients)


def _memory(process: Process) -> float:
    """Resident, in kB."""
    assert process.child is not None
    return processor.resident_mb(process.child.pid) * 1024


def _areas(city: City, clients: int) -> list[str]:
    """What each listens to, mixed: no two the same grid."""
    chosen = []
    for n in range(clients):
        rest = n * 37 % 100  # 37 and 100 have no common factor: the shares of every hundred are exact
        level = next((level for level, upto in enumerate(LEVELS) if rest < upto), 3)
        those = city.levels[level]
        chosen.append(those[n % len(those)])
    return chosen


async def _warm(city: City, crowd: Crowd) -> None:
    areas = city.levels[0] * 20
    await crowd.join(areas)
    await _published(city, crowd, areas, [opened(PACK, city.levels[-1], WARM_EVENTS)])
    await crowd.leave()


async def _published(city: City, crowd: Crowd, areas: Sequence[str], ticks: Sequence[list[Event]]) -> tuple[Heard, int]:
    """Put into dispatch's outbox, tick by tick, and heard by all; how many deliveries that were."""
    expected, wanted = _expected(areas, [event for events in ticks for event in events])
    crowd.begin(wanted)
    began = time.monotonic()
    for n, events in enumerate(ticks):
        await asyncio.sleep(max(0.0, began + n * TICK_SECONDS - time.monotonic()))
        records = zip(*outbox.columns(events), strict=True)
        await city.connection.copy_records_to_table(
            "outbox", schema_name="dispatch", columns=outbox.COLUMNS, records=records
        )
    return await crowd.end(began, ROUND_SECONDS, expected), wanted


async def _written(city: City, crowd: Crowd, areas: Sequence[str], events: Sequence[Event]) -> Heard:
    """The same by the bare process."""
    expected, wanted = _expected(areas, events)
    file = city.where / "events"
    file.write_bytes(b"\n".join(orjson.dumps([heard_in(event), text(n, event)]) for n, event in enumerate(events)))
    crowd.begin(wanted)
    reader, writer = await asyncio.open_connection("127.0.0.1", city.bare.port)
    writer.write(f"! {file}\n".encode())
    await reader.readline()
    heard = await crowd.end(time.monotonic(), ROUND_SECONDS, expected)
    writer.close()
    return heard


def _expected(areas: Sequence[str], events: Sequence[Event]) -> tuple[dict[str, list[bytes]], int]:
    """By area the ids of its events, and how many deliveries they are."""
    listening = Counter(areas)
    expected: dict[str, list[bytes]] = {}
    wanted = 0
    for event in events:
        for area in heard_in(event):
            expected.setdefault(area, []).append(str(event.id).encode())
            wanted += listening[area]
    return expected, wanted
