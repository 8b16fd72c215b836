"""Row l: cases of an old system a second, from a file into dispatch, beside COPY of the rows that they became.

Ours is `wangge history import` as it is typed, from the start of the process until no fact of it waits in the outbox:
it reads, checks, judges and places each row, stores case, timeline and fact, and moves the fact to the log. COPY is
handed the finished rows of case, timeline and log by asyncpg.
"""

import asyncio
import time
from pathlib import Path

import asyncpg

from tests.bench.measure import BenchTrouble, Figure, Result, at_most, ratios
from tests.bench.processes import folder, postgres, set_up, wangge
from tests.history_file import write

TITLE = "history import"
PACK = "haidian"
ROWS = 100_000
ROUNDS = 3
OF_SYSTEM = "(SELECT id FROM dispatch.cases WHERE history = $1)"
TABLES = {
    "dispatch.cases": "history = $1",
    "dispatch.timeline": f"case_id IN {OF_SYSTEM}",
    "bus.log": f"type = 'case.imported.v1' AND subject::uuid IN {OF_SYSTEM}",
}


async def run() -> Result:
    async with folder() as where, postgres(where) as server:
        settings, _ = await set_up(server.dsn, PACK, where)
        file = where / "cases.csv"
        await asyncio.to_thread(write, file, ROWS, PACK)
        await asyncio.to_thread(write, where / "one.csv", 1, PACK)
        connection = await asyncpg.connect(server.dsn)
        ours, bare, million = [], [], []
        for number in range(ROUNDS):
            begun = await _imported(settings, where / "one.csv", f"start-{number}", 1)
            spent = await _imported(settings, file, f"round-{number}", ROWS)
            ours.append(ROWS / spent)
            million.append(begun + (spent - begun) * 1e6 / ROWS)
            bare.append(await _copied(connection, f"round-{number}"))
        await connection.close()
    figures = [
        Figure("ours", "cases/s", ours),
        Figure("asyncpg COPY", "cases/s", bare),
        Figure("ours / asyncpg COPY", "×", ratios(ours, bare)),
        at_most("ours, a million cases", "s", million, 300),
    ]
    notes = [
        f"{ROUNDS} rounds of {ROWS:,} cases of a CSV file, each of another system, on the pack {PACK}. COPY writes the "
        "same rows into tables with the same indexes, one table after the other. The million is reckoned: the start of "
        "the process, taken from an import of one row, counts once."
    ]
    holds = (
        "One process reads and judges the rows while Postgres stores those before them: on two cores the slower of the "
        "two decides, here the reading. COPY gets its rows for nothing."
    )
    return Result("l", TITLE, figures, notes, holds)


async def _imported(settings: dict[str, str], file: Path, system: str, rows: int) -> float:
    """Seconds from the start of the process to its end."""
    began = time.monotonic()
    said = await wangge(settings, "history", "import", str(file), "--system", system)
    if f": {rows}\n" not in said:
        raise BenchTrouble(f"not all rows were imported: {said}")
    return time.monotonic() - began


async def _copied(connection: "asyncpg.Connection[asyncpg.Record]", system: str) -> float:
    """Rows of one round, taken out and written once more by COPY; cases a second."""
    spent = 0.0
    for table, mine in TABLES.items():
        rows = await connection.fetch(f"SELECT * FROM {table} WHERE {mine}", system, timeout=600)
        await connection.execute(f"DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE {table} INCLUDING ALL)")
        records = [tuple(row) for row in rows]
        began = time.monotonic()
        await connection.copy_records_to_table("bare", columns=[*rows[0].keys()], records=records, timeout=600)
        spent += time.monotonic() - began
    return ROWS / spent
