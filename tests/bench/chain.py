"""A whole city for measurements: set up once, fed with reports, watched at its far end."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
import orjson

from deploy.kafka.broker import Broker
from services.city.robots.wire import Wire
from shared.packs import load
from tests.bench import processor
from tests.bench.measure import BenchTrouble
from tests.bench.processes import EACH_A_CASE, Process, folder, postgres, running, serving, set_up, staff
from tests.bench.watcher import Watcher

BATCH = 1_000
COUNTED = "SELECT count(*) FROM evaluation.cases WHERE opened_at >= $1 AND dispatched_at IS NOT NULL"
LAST = "case.dispatched.v1"
EVENTS_A_CASE = 4  # opened, accepted, filed, dispatched; and report.received before them
# On two cores a second worker of a kind takes from the others what it gives.
LAYOUT = (
    ("intake", "api"),
    ("intake", "worker"),
    ("dispatch", "all"),
    ("evaluation", "all"),
    ("notify", "all"),
)


class Passed(NamedTuple):
    """A load that went through: seconds from the first post to the last case on the stream and counted."""

    cases: int
    seconds: float


class City:
    """Where each service answers, and whose credentials open it."""

    def __init__(self, bases: dict[str, str], key: str, tokens: dict[str, dict[str, str]], dsn: str, area: str) -> None:
        self.bases, self.key, self.tokens, self.dsn, self.area = bases, key, tokens, dsn, area
        self.bootstrap = ""
        self.pids: dict[str, int] = {}

    def app(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def watcher(self) -> Watcher:
        return Watcher(self.bases["notify"], self.tokens["subscriber"], self.area, LAST)

    def processor_seconds(self) -> dict[str, float]:
        """So far, by process."""
        return {
            name: processor.family_seconds(pid) if name == "postgres" else processor.seconds(pid)
            for name, pid in self.pids.items()
        }

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[Callable[[], Awaitable[int]]]:
        """How many cases evaluation has counted as dispatched from now on; by an index, so that asking costs little."""
        connection = await asyncpg.connect(self.dsn)
        try:
            since = await connection.fetchval("SELECT clock_timestamp()")
            yield lambda: connection.fetchval(COUNTED, since)
        finally:
            await connection.close()


@asynccontextmanager
async def on_kafka(pack: str) -> AsyncIterator[City]:
    """Broker, Postgres and every service in a process of its own."""
    async with folder() as where, postgres(where) as server, _broker(where / "kafka") as broker:
        settings, key = await set_up(server.dsn, pack, where, carrier="kafka", kafka_bootstrap=broker.bootstrap)
        processes = [serving(service, role, settings, where) for service, role in LAYOUT]
        async with running(processes):
            bases = {p.name.split("-")[0]: p.base for p in processes if not p.name.endswith("-worker")}
            tokens = {post: staff(post, pack) for post in ("subscriber", "evaluator", "admin")}
            city = City(bases, key, tokens, server.dsn, load(pack).area)
            city.bootstrap = broker.bootstrap
            city.pids = {p.name: p.child.pid for p in processes if p.child is not None}
            if server.process is not None and broker.process is not None:
                city.pids |= {"postgres": server.process.pid, "broker": broker.process.pid}
            yield city


@asynccontextmanager
async def in_one_process(pack: str) -> AsyncIterator[City]:
    """`wangge up --no-demo`: all services and the embedded carrier in one process, beside its Postgres."""
    async with folder() as where:
        data = where / "data"
        arguments = ("services.city", "up", "--data", str(data), "--pack", pack, "--no-demo")
        process = Process("up", arguments, {"WANGGE_LOG_LEVEL": "warning"} | EACH_A_CASE, where / "up.log")
        async with running([process]):
            issued = orjson.loads((data / "credentials.json").read_bytes())
            tokens = {post: {"Authorization": f"Bearer {token}"} for post, token in issued["tokens"].items()}
            bases = dict.fromkeys(("intake", "dispatch", "evaluation", "notify"), process.base)
            dsn = f"postgresql://wangge@/wangge?host={data.resolve() / 'postgres'}"
            city = City(bases, issued["app"], tokens, dsn, load(pack).area)
            pid = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
            if process.child is not None:
                city.pids = {"up": process.child.pid, "postgres": pid}
            yield city


@asynccontextmanager
async def _broker(where: Path) -> AsyncIterator[Broker]:
    broker = Broker(where)
    try:
        await asyncio.to_thread(broker.start)
        await broker.ready()
        yield broker
    finally:
        await asyncio.to_thread(broker.stop)


async def pass_through(city: City, watcher: Watcher, reports: Sequence[bytes], seconds: float = 120) -> Passed:
    """Post `reports` by the batch door and wait until each is a dispatched case, on the stream and counted.

    Raises BenchTrouble unless exactly these became cases.
    """
    list(watcher.events())
    async with city.counted() as counted:
        heard, began = watcher.count, time.monotonic()
        taken = await _post(city, reports)
        ended = await watcher.until(heard + len(reports), seconds)
        while (so_far := await counted()) < len(reports):
            if time.monotonic() > began + seconds:
                raise BenchTrouble(f"{so_far} of {len(reports)} cases were counted in {seconds:.0f} s")
            await asyncio.sleep(0.02)
            ended = time.monotonic()
    _none_missing(taken, watcher)
    return Passed(len(reports), ended - began)


async def _post(city: City, reports: Sequence[bytes]) -> set[str]:
    """The ids of `reports`, posted by the batch door. Raises BenchTrouble when one is refused."""
    wire = Wire(city.bases["intake"], connections=2)
    headers = city.app() | {"Content-Type": "application/x-ndjson"}
    answers = await asyncio.gather(
        *(
            wire.send("POST", "/intake/v1/reports/batch", headers, b"\n".join(reports[n : n + BATCH]))
            for n in range(0, len(reports), BATCH)
        )
    )
    wire.close()
    taken = set()
    for line in itertools.chain.from_iterable(answer.body.splitlines() for answer in answers):
        answer = orjson.loads(line)
        if answer["status"] != 201:
            raise BenchTrouble(f"a report was refused: {line.decode()}")
        taken.add(answer["id"])
    return taken


def _none_missing(taken: set[str], watcher: Watcher) -> None:
    seen: dict[str, set[str]] = {}
    for _, kind, event in watcher.events():
        for report in event["data"].get("reports", ()):
            seen.setdefault(kind, set()).add(report)
    for kind in ("case.opened.v1", "case.accepted.v1", "case.filed.v1", LAST):
        if missing := taken - seen.get(kind, set()):
            raise BenchTrouble(f"{len(missing)} of {len(taken)} reports have no {kind}")
