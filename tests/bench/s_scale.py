"""Row s: the doors of intake and its questions with ten thousand to ten million stored reports: are they flat?

Every size is a database of its own in one server, with an API process of its own; each round measures all of them one
after the other, in one order and then in the other, with the same new reports. Between rounds the new ones are taken
away.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import orjson

from services.city.robots.wire import Wire
from services.intake.domain.open311 import id_floor
from tests.bench import processor, wrk
from tests.bench.measure import BenchTrouble, Figure, Result, at_least, quantile, ratios
from tests.bench.processes import Process, folder, running, serving
from tests.bench.scale_sql import EVERY_MS
from tests.bench.scale_store import PACK, Scale, component_codes, post_batch, scaled
from tests.bench.traffic import traffic

TITLE = "stored reports, ten thousand to ten million"
ROUNDS = 7
CONNECTIONS = 64
SECONDS = 3.0
# More than are posted in that time, so that none comes twice.
POSTED = 40_000
BATCH, BATCHES = 5_000, 2
ASKED = 400
LEAST = 0.85
ALONE, TOGETHER = "one by one", "by batch"
SPENT = "processor of API and Postgres, one by one"


async def run() -> Result:
    wrk.program()
    async with scaled() as scale, folder() as where:
        edges = sorted({scale.sizes[0], scale.sizes[-1]})
        intake = {size: serving("intake", "api", scale.settings[size], where) for size in scale.sizes}
        notify = {size: serving("notify", "api", scale.settings[size], where) for size in edges}
        async with running([*intake.values(), *notify.values()]):
            rates = await _doors(scale, intake, where)
            spent = await _questions(scale, edges, intake, notify)
        built = scale.built
    least, most = edges[0], edges[-1]
    figures = []
    for door in (ALONE, TOGETHER):
        figures += [Figure(f"{door}, {size:,} stored", "reports/s", rates[door, size]) for size in intake]
        flat = ratios(rates[door, most], rates[door, least])
        figures.append(at_least(f"{door}, {most:,} / {least:,}", "×", flat, LEAST))
    figures += [Figure(f"{SPENT}, {size:,}", "µs/report", rates[SPENT, size]) for size in edges]
    figures.append(Figure(f"{SPENT}, {most:,} / {least:,}", "×", ratios(rates[SPENT, most], rates[SPENT, least])))
    for question, of_size in spent.items():
        for size, samples in of_size.items():
            figures.append(Figure(f"{question}, {size:,}, median", "ms", [quantile(samples, 0.5)]))
            figures.append(Figure(f"{question}, {size:,}, 99th percentile", "ms", [quantile(samples, 0.99)]))
    notes = [
        f"Pack {PACK}, duplicates merged, a city of a million reports a year (the store was built on {built}): each "
        "report with its status, its Open311 request and steps, who answered for it and its tracking; one in five with "
        "a person's key, one in ten merged into another, one in twenty on a component. The last two days are open. "
        f"*one by one*: {CONNECTIONS} connections of wrk; *by batch*: {BATCHES} batches of {BATCH:,} lines. One new "
        "report in five leaves a telephone number, one in ten tells of a matter that is known, one in twenty names a "
        f"component. {ROUNDS} rounds, all sizes in each, up and down in turn. The questions are asked one after "
        f"another, {ASKED} times each, of both sizes in turn.",
    ]
    holds = (
        "A report goes to the right edge of the tables and their indexes, whose depth is all that grows; the search "
        "for duplicates goes by an index of what is open. What goes to a random place of a large index is a person's "
        "mark and a component's code; it is so for nothing else of a report."
    )
    return Result("s", TITLE, figures, notes, holds)


async def _doors(scale: Scale, apis: dict[int, Process], where: Path) -> dict[tuple[str, int], list[float]]:
    rates: dict[tuple[str, int], list[float]] = {}
    connection = await asyncpg.connect(scale.dsn(scale.sizes[0]))
    codes = await component_codes(connection)
    await connection.close()
    lines = where / "bodies"
    for number in range(-1, ROUNDS):  # the first warms up and is not counted
        bodies = traffic(PACK, POSTED + BATCH * BATCHES, codes, seed=number + 100)
        lines.write_bytes(b"\n".join(bodies[:POSTED]))
        for size in scale.sizes if number % 2 else reversed(scale.sizes):
            before = _processor(scale, apis[size])
            load = await wrk.post(
                f"{apis[size].base}/intake/v1/reports",
                lines,
                key=scale.key,
                connections=CONNECTIONS,
                seconds=SECONDS if number >= 0 else 1.0,
            )
            used = _processor(scale, apis[size]) - before
            began = time.monotonic()
            for n in range(POSTED, POSTED + BATCH * BATCHES, BATCH):
                await post_batch(apis[size].base, scale.key, bodies[n : n + BATCH])
            if number >= 0:
                rates.setdefault((ALONE, size), []).append(load.rate)
                rates.setdefault((SPENT, size), []).append(used * 1e6 / (load.rate * SECONDS))
                rates.setdefault((TOGETHER, size), []).append(BATCH * BATCHES / (time.monotonic() - began))
        for size in scale.sizes:
            await scale.clear(size)
        print(f"  round {number + 1} of {ROUNDS}", flush=True)
    return rates


def _processor(scale: Scale, api: Process) -> float:
    """Seconds of the processor that an API and the server have had; no other API is asked anything meanwhile."""
    assert api.child is not None
    assert scale.server.process is not None
    return processor.seconds(api.child.pid) + processor.family_seconds(scale.server.process.pid)


async def _questions(
    scale: Scale, sizes: list[int], intake: dict[int, Process], notify: dict[int, Process]
) -> dict[str, dict[int, list[float]]]:
    """Milliseconds of each question, by size."""
    chance = random.Random(1)
    places = [orjson.loads(body) for body in traffic(PACK, ASKED, [], seed=7)]
    ways: dict[int, dict[str, Callable[[int], tuple[Wire, str]]]] = {}
    for size in sizes:
        ways[size] = _ways(
            Wire(intake[size].base, connections=1),
            Wire(notify[size].base, connections=1),
            await _drawn(scale, size, chance),
            places,
        )
    spent: dict[str, dict[int, list[float]]] = {name: {size: [] for size in sizes} for name in ways[sizes[0]]}
    headers = {"Authorization": f"Bearer {scale.key}"}
    for n in range(ASKED):
        for name, of_size in spent.items():
            for size, samples in of_size.items():
                wire, path = ways[size][name](n)
                began = time.perf_counter()
                answer = await wire.send("GET", path, headers)
                if answer.status != 200:
                    raise BenchTrouble(f"{path}: {answer.status} {answer.body[:300].decode()}")
                if n >= ASKED // 20:  # the first open connections and warm them
                    samples.append((time.perf_counter() - began) * 1e3)
    return spent


def _ways(
    intake: Wire, notify: Wire, drawn: list[tuple[str, str]], places: list[dict[str, object]]
) -> dict[str, Callable[[int], tuple[Wire, str]]]:
    def near(n: int) -> tuple[Wire, str]:
        body = places[n]
        location = body["location"]
        assert isinstance(location, dict)
        return intake, "/intake/v1/duplicates?" + urlencode({"category": body["category"], **location})

    return {
        "duplicates near a place": near,
        "a report by its id": lambda n: (intake, f"/intake/v1/reports/{drawn[n][0]}"),
        "its way by its tracking code": lambda n: (notify, f"/notify/v1/track/{drawn[n][1]}"),
        "an Open311 page": lambda n: (intake, f"/intake/open311/v2/requests.json?page_size=50&page={n % 10 + 1}"),
        "an Open311 page of what is open": lambda n: (
            intake,
            "/intake/open311/v2/requests.json?page_size=50&status=open&extensions=true",
        ),
    }


async def _drawn(scale: Scale, size: int, chance: random.Random) -> list[tuple[str, str]]:
    """Id and tracking code of stored reports, drawn from all of them."""
    connection = await asyncpg.connect(scale.dsn(size))
    drawn = []
    for _ in range(ASKED):
        back_ms = chance.randrange(1, size) * EVERY_MS
        floor = id_floor(scale.until).int - (back_ms << 80)
        row = await connection.fetchrow(
            "SELECT r.id::text, r.tracking_code FROM intake.reports r WHERE r.id >= $1 ORDER BY r.id LIMIT 1",
            UUID(int=floor),
        )
        assert row is not None
        drawn.append((row[0], row[1]))
    await connection.close()
    return drawn
