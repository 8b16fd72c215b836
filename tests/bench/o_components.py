"""Row o: components from a file into the registry, beside COPY of the finished rows; suggestions from all of them.

Ours is `wangge components import` as it is typed, from the start of the process to its end: it reads, checks and places
each row and stores it. COPY is handed the finished rows by asyncpg, into a table with the same indexes.
"""

import asyncio
import random
import resource
import time
from pathlib import Path

import asyncpg

from services.intake.queries.components import nearest
from shared.auth import Principal
from shared.kernel.area import AreaPath
from shared.kernel.place import Place
from shared.packs import load
from shared.postgres import create_pool
from tests.bench.measure import BenchTrouble, Figure, Result, at_most, quantile, ratios
from tests.bench.processes import folder, postgres, set_up, wangge
from tests.component_file import write

TITLE = "components"
PACK = "haidian"
ROWS = 100_000
ROUNDS = 3
ASKED = 1_000
WHOLE = 1_400_000
SUGGESTED = 5


async def run() -> Result:
    async with folder() as where, postgres(where) as server:
        settings, _ = await set_up(server.dsn, PACK, where)
        file = where / "components.csv"
        await asyncio.to_thread(write, file, ROWS, PACK)
        await asyncio.to_thread(write, where / "one.csv", 1, PACK)
        connection = await asyncpg.connect(server.dsn)
        ours, bare, whole, near, spent_cpu = [], [], [], [], []
        for _ in range(ROUNDS):
            await connection.execute("TRUNCATE intake.components, intake.component_versions")
            begun = await _imported(settings, where / "one.csv", 1)
            await connection.execute("TRUNCATE intake.components")
            before = _processor()
            spent = await _imported(settings, file, ROWS)
            spent_cpu.append((_processor() - before) * 1e6 / ROWS)
            ours.append(ROWS / spent)
            whole.append(begun + (spent - begun) * WHOLE / ROWS)
            bare.append(await _copied(connection))
            near += await suggested(server.dsn)
        await connection.close()
    figures = [
        Figure("ours", "rows/s", ours),
        Figure("ours, processor without that of Postgres", "µs/row", spent_cpu),
        Figure("asyncpg COPY", "rows/s", bare),
        Figure("ours / asyncpg COPY", "×", ratios(ours, bare)),
        at_most("ours, 1.4 million", "s", whole, 180),
        Figure("nearest of a kind, median", "ms", [quantile(near, 0.5)]),
        at_most("nearest of a kind, 99th percentile", "ms", [quantile(near, 0.99)], 5),
    ]
    notes = [
        f"{ROUNDS} rounds of {ROWS:,} components of a CSV file with 20 columns, into an empty registry of the pack "
        f"{PACK}. The 1.4 million are reckoned: the start of the process, "
        "taken from an import of one row, counts once. The "
        f"{SUGGESTED} nearest of a kind within 200 m, {ASKED:,} times a round, one after another.",
    ]
    holds = (
        "One process reads, checks and places the rows while Postgres stores those before them: on two cores the "
        "slower of the two decides. Five indexes are most of what Postgres does for a row."
    )
    return Result("o", TITLE, figures, notes, holds)


def _processor() -> float:
    """Seconds of the processor that ended commands have had."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _imported(settings: dict[str, str], file: Path, rows: int) -> float:
    """Seconds from the start of the process to its end."""
    began = time.monotonic()
    said = await wangge(settings, "components", "import", str(file))
    if f"added 新增: {rows}," not in said:
        raise BenchTrouble(f"not all rows were imported: {said}")
    return time.monotonic() - began


async def _copied(connection: "asyncpg.Connection[asyncpg.Record]") -> float:
    rows = await connection.fetch("SELECT * FROM intake.components", timeout=600)
    await connection.execute("DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE intake.components INCLUDING ALL)")
    records = [tuple(row) for row in rows]
    began = time.monotonic()
    await connection.copy_records_to_table("bare", columns=[*rows[0].keys()], records=records, timeout=600)
    return len(records) / (time.monotonic() - began)


async def suggested(dsn: str) -> list[float]:
    """Milliseconds of each suggestion, at places beside a component of the kind that is asked for."""
    pool = await create_pool(dsn, name="bench")
    who = Principal("staff", "bench", AreaPath(load(PACK).area), frozenset({"components:read"}))
    chance = random.Random(1)
    places = await pool.fetch("SELECT lon, lat, kind FROM intake.components ORDER BY cell % 9973 LIMIT $1", ASKED)
    spent = []
    for lon, lat, kind in places:
        place = Place(lon + chance.uniform(-5e-4, 5e-4), lat + chance.uniform(-5e-4, 5e-4))
        began = time.perf_counter()
        await nearest(pool, who, place, kind, within_m=200, limit=SUGGESTED)
        spent.append((time.perf_counter() - began) * 1e3)
    await pool.close()
    return spent[len(spent) // 20 :]  # without those that opened the connection and warmed it
