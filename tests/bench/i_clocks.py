"""Row i: ten thousand and a million running clocks: what a look at the due table touches, and how late a step fires.

Both sizes lie on one server, and one worker's clocks run on each in turn: told are the ratio of the pages that a look
touches and that of the lateness of the marks.
"""

import asyncio
from pathlib import Path

import asyncpg

from services.dispatch.settings import DispatchSettings
from services.dispatch.wiring import wire
from services.dispatch.worker import clock_job
from shared import migrations
from shared.bus.opening import open_carrier
from shared.postgres import connect
from tests.bench.measure import Figure, Result, at_most, quantile, ratios
from tests.bench.processes import folder, postgres
from tests.conftest import new_database
from tests.integration.dispatch.many_clocks import fill, look

TITLE = "a million clocks"
SIZES = (10_000, 1_000_000)
CHUNK = 100_000
ROUNDS = 3
# A batch is 500: this many at once are one look.
DUE = 500
# Then so many fall due one after the other, a hundred a second.
FIRED = 1_500
APART = 0.01
NUMBERS = 10_000_000  # where the numbers of those begin

LATENESS = """
    SELECT extract(epoch FROM t.at - k.due_at + interval '3 minutes')::float8 AS late
      FROM dispatch.timeline t JOIN dispatch.clocks k USING (case_id)
     WHERE t.act = 'mark_warned' AND t.case_id BETWEEN $1 AND $2
"""


async def run() -> Result:
    pages: dict[int, list[float]] = {size: [] for size in SIZES}
    idle: dict[int, list[float]] = {size: [] for size in SIZES}
    late: dict[int, list[float]] = {size: [] for size in SIZES}
    worst: dict[int, list[float]] = {size: [] for size in SIZES}
    async with folder() as where, postgres(where) as server:
        databases = {size: await _built(server.dsn, size, where) for size in SIZES}
        for number in range(ROUNDS):
            for size, dsn in databases.items():
                first = NUMBERS * (number + 1)
                idle[size].append((await _look(dsn))["buffers"])
                connection = await connect(dsn, name="bench")
                try:
                    await fill(connection, first, first + DUE - 1, due_in=-60, apart=0.001)
                    found = await look(connection, DUE)
                finally:
                    await connection.close()
                assert found["rows"] == DUE, found
                pages[size].append(found["buffers"])
                samples = await _lateness(dsn, first + DUE)
                late[size].append(quantile(samples, 0.5))
                worst[size].append(max(samples))
    few, many = SIZES
    figures = [
        at_most("pages of a look with 500 due, 10⁶ / 10⁴ clocks", "×", ratios(pages[many], pages[few]), 2),
        Figure("pages of a look with 500 due, at 10⁶", "pages", pages[many]),
        at_most("pages of a look with nothing due, at 10⁶", "pages", idle[many], 100),
        at_most("lateness of the latest of 1,500 steps, at 10⁶", "s", worst[many], 2),
        Figure("lateness of the latest of 1,500 steps, at 10⁴", "s", worst[few]),
        Figure("median lateness, 10⁶ / 10⁴ clocks", "×", ratios(late[many], late[few])),
        Figure("median lateness at 10⁶", "s", late[many]),
    ]
    notes = [
        "Open cases, each with a running clock, made by the server itself. A look is the statement that locks what is "
        f"due, explained with its buffers and undone. Then {FIRED:,} clocks fall due one after the other, a hundred a "
        "second, while one worker's clocks look every half second: *lateness* is from the instant of the step to that "
        "of its fact, both by the database's clock. *Nothing due*: what the rounds before have fired has left entries "
        "in the index, which are walked over until autovacuum sweeps them: 2 % of the rows, 80 pages, at the most."
    ]
    holds = "A look goes down one index to what is due; the rest is the poll, half a second."
    return Result("i", TITLE, figures, notes, holds)


async def _built(server: str, size: int, where: Path) -> str:
    dsn = await new_database(server)
    await asyncio.to_thread(migrations.migrate, dsn)
    connection = await connect(dsn, name="bench", statement_timeout="0")
    try:
        for first in range(1, size, CHUNK):
            await fill(connection, first, min(first + CHUNK - 1, size), due_in=86_400, apart=0.1)
        await connection.execute("ANALYZE dispatch.cases, dispatch.clocks")
    finally:
        await connection.close()
    return dsn


async def _look(dsn: str) -> dict[str, float]:
    connection = await connect(dsn, name="bench")
    try:
        return await look(connection, DUE)
    finally:
        await connection.close()


async def _lateness(dsn: str, first: int) -> list[float]:
    """Seconds of each step, while a worker's clocks run."""
    settings = DispatchSettings(environment="test", database_url=dsn)
    carrier = open_carrier(settings)
    stop = asyncio.Event()
    async with wire(settings, carrier) as wired:
        job = asyncio.create_task(clock_job(wired).run(stop))
        try:
            async with wired.pool.acquire() as connection:
                await fill(connection, first, first + FIRED - 1, due_in=2, apart=APART)
            await asyncio.sleep(2 + FIRED * APART + 3)
            found = await _fired(wired.pool, first)
        finally:
            stop.set()
            await job
    await carrier.close()
    assert len(found) == FIRED, len(found)
    return found


async def _fired(pool: "asyncpg.Pool[asyncpg.Record]", first: int) -> list[float]:
    ids = [f"{number:032x}" for number in (first, first + FIRED - 1)]
    return [row["late"] for row in await pool.fetch(LATENESS, *ids)]
