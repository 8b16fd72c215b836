"""Row b: reports a second by the batch door, beside COPY of the rows that they became.

Ours reads, checks, masks, places, looks for duplicates, stores and answers every line; COPY is handed the finished rows
of all tables by asyncpg and by psql.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

from services.city.embedded_postgres import DATABASE, USER, EmbeddedPostgres
from services.city.robots.wire import Wire
from tests.bench.measure import BenchTrouble, Figure, Result, at_least, ratios
from tests.bench.processes import folder, postgres, program_of_postgres, running, serving, set_up
from tests.bench.reports import AGAIN, matters, settle

TITLE = "reports by batch"
PACK = "haidian"
LINES = 5_000
ROUNDS = 7
TABLES = ("reports", "outbox", "clusters", "merged_reports")


async def run() -> Result:
    async with folder() as where, postgres(where) as server:
        settings, key = await set_up(server.dsn, PACK, where, merge_duplicates="true")
        app = serving("intake", "api", settings, where)
        async with running([app]):
            wire = Wire(app.base, connections=2)
            raw = b"\n".join(matters(PACK, LINES))
            connection = await asyncpg.connect(server.dsn)
            ways = await _ways(wire, key, raw, connection, server, where)
            rates: dict[str, list[float]] = {name: [] for name in ways}
            for number in range(-1, ROUNDS):
                for name, way in ways.items():
                    rate = await way()
                    if number >= 0:
                        rates[name].append(rate)
            await connection.close()
            wire.close()
    figures = [Figure(name, "reports/s", samples) for name, samples in rates.items()]
    figures.append(at_least("ours / asyncpg COPY", "×", ratios(rates["ours"], rates["asyncpg COPY"]), 0.4))
    figures.append(Figure("ours / psql COPY", "×", ratios(rates["ours"], rates["psql COPY"])))
    notes = [
        f"Batches of {LINES:,} real 311 requests on the pack {PACK}, one after the other by one client; ours commits "
        f"each thousand, COPY all at once. {AGAIN:.0%} of them tell of what an earlier one told of. The rows are those "
        "that ours stored: a report, its outbox row and its cluster, or its place in another's and a second outbox row."
    ]
    holds = (
        "One process reads, checks, masks, places and compares each line, builds its rows and hands them to asyncpg's "
        "COPY, while Postgres stores the thousand before. It is the processor of this one process, so a second replica "
        "takes as many again."
    )
    return Result("b", TITLE, figures, notes, holds)


async def _ways(
    wire: Wire,
    key: str,
    raw: bytes,
    connection: "asyncpg.Connection[asyncpg.Record]",
    server: EmbeddedPostgres,
    where: Path,
) -> dict[str, Callable[[], Awaitable[float]]]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}

    async def ours() -> float:
        await settle(server.dsn)
        began = time.monotonic()
        answer = await wire.send("POST", "/intake/v1/reports/batch", headers, raw)
        if answer.body.count(b'"status":201') != LINES:
            raise BenchTrouble(f"the batch was refused: {answer.body[:300].decode()}")
        return LINES / (time.monotonic() - began)

    await ours()
    rows, names, files = {}, {}, {}
    for table in TABLES:
        found = await connection.fetch(f"SELECT * FROM intake.{table}")
        rows[table], names[table] = [tuple(row) for row in found], [*found[0].keys()]
        files[table] = where / f"{table}.copy"
        await connection.copy_from_table(table, schema_name="intake", output=files[table])
        await connection.execute(f"CREATE TABLE public.{table} (LIKE intake.{table} INCLUDING ALL EXCLUDING IDENTITY)")

    async def empty() -> None:
        await connection.execute("TRUNCATE {}".format(", ".join(f"public.{table}" for table in TABLES)))

    async def by_asyncpg() -> float:
        await empty()
        began = time.monotonic()
        async with connection.transaction():
            for table in TABLES:
                await connection.copy_records_to_table(
                    table, schema_name="public", columns=names[table], records=rows[table]
                )
        return LINES / (time.monotonic() - began)

    async def by_psql() -> float:
        await empty()
        copies = [f"\\copy public.{table} FROM '{files[table]}'" for table in TABLES]
        began = time.monotonic()
        child = await asyncio.create_subprocess_exec(
            *(program_of_postgres("psql"), "-q", "-1", "-h", str(server.cluster), "-U", USER, "-d", DATABASE),
            *(part for copy in copies for part in ("-c", copy)),
        )
        if await child.wait() != 0:
            raise BenchTrouble("psql failed")
        return LINES / (time.monotonic() - began)

    return {"ours": ours, "asyncpg COPY": by_asyncpg, "psql COPY": by_psql}
