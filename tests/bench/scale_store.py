"""Databases with ten thousand, a hundred thousand, a million and ten million stored reports, built once and kept.

Some reports are posted through the real service; the rest are copies of them, with all that a city keeps of each
(`scale_sql`). The cluster lies in .wangge-bench/scale-…, named after the migrations and the statements it was built
from: with others it is built anew. What a measurement adds is taken away before the next one.
"""

import asyncio
import hashlib
import inspect
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.city.data_folder import locked_folder
from services.city.embedded_postgres import EmbeddedPostgres
from services.city.robots.wire import Wire
from services.intake.domain.duplicates import spots
from services.intake.domain.open311 import id_floor
from services.intake.pack_duplicates import likenesses
from shared import migrations
from shared.packs import load
from tests.bench import scale_sql, traffic
from tests.bench.measure import BenchTrouble
from tests.bench.processes import KEPT, folder, running, serving, set_up, wangge
from tests.component_file import write

PACK = "haidian"
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
SAMPLE = 900
COMPONENTS = 20_000
TUNING = {"max_connections": "200"}
# Only while it is built; it is as durable as ever afterwards, for the server is stopped in order.
BUILDING = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "512MB",
    "work_mem": "64MB",
    "fsync": "off",
    "autovacuum": "off",
}
# Of a report with all that is kept of it, indexes included; and what else there is.
BYTES_A_REPORT, BYTES_MORE = 2_200, 6 << 30


@dataclass(frozen=True, slots=True)
class Scale:
    """A running server; `settings[size]` are those of services on the database with so many reports.

    `until`: every stored report is older, everything that a measurement adds is younger.
    """

    server: EmbeddedPostgres
    key: str
    until: datetime
    built: str
    settings: dict[int, dict[str, str]]

    @property
    def sizes(self) -> list[int]:
        return [*self.settings]

    @property
    def newer(self) -> UUID:
        """The least id of what is younger."""
        return id_floor(self.until)

    def dsn(self, size: int) -> str:
        return self.settings[size]["WANGGE_DATABASE_URL"]

    async def clear(self, size: int) -> None:
        """Take away what was measured; the open clusters are as old again as they were when it was built."""
        connection = await asyncpg.connect(self.dsn(size))
        await connection.execute(scale_sql.CLEAR.format(newer=self.newer, until=self.until.isoformat()))
        for table in scale_sql.CLEARED:
            await connection.execute(f"VACUUM (ANALYZE) intake.{table}")
        await connection.close()


def sizes_wanted() -> tuple[int, ...]:
    """All, or those up to MOST (`make bench-scale MOST=1000000`)."""
    most = int(os.environ.get("MOST") or SIZES[-1])
    return tuple(size for size in SIZES if size <= most) or SIZES[:1]


def fingerprint() -> str:
    """Of all that the store is built from."""
    digest = hashlib.sha256(repr((PACK, SAMPLE, COMPONENTS)).encode())
    for module in (scale_sql, traffic):
        digest.update(inspect.getsource(module).encode())
    for schema in migrations.schemas():
        for revision in migrations.revisions(schema):
            digest.update(revision.path.read_bytes())
    return digest.hexdigest()[:10]


@asynccontextmanager
async def scaled() -> AsyncIterator[Scale]:
    """The store, built if there is none for this code, cleared of what was measured on it before.

    Raises Trouble while another bench has it, BenchTrouble for want of room.
    """
    sizes = sizes_wanted()
    with locked_folder(KEPT) as folder_of_stores:
        kept = folder_of_stores / f"scale-{fingerprint()}"
        for old in folder_of_stores.glob("scale-*"):
            if old != kept:
                shutil.rmtree(old)
        await _build(kept, sizes)
        about = orjson.loads((kept / "scale.json").read_bytes())
        server = EmbeddedPostgres(kept, TUNING)
        try:
            await server.start()
            base = about["settings"] | {"WANGGE_DATA_DIR": str(kept / "data")}
            settings = {size: base | {"WANGGE_DATABASE_URL": _dsn(server, _name(size))} for size in sizes}
            until = datetime.fromisoformat(about["until"])
            scale = Scale(server, about["key"], until, about["built"], settings)
            for size in sizes:
                await scale.clear(size)
            yield scale
        finally:
            await server.stop()


async def _build(kept: Path, sizes: tuple[int, ...]) -> None:
    """What is missing of the store: the city with its sample, then each size. One that was cut short is begun anew."""
    about: dict[str, Any] = {"sizes": []}
    if (kept / "scale.json").exists():
        about = orjson.loads((kept / "scale.json").read_bytes())
    missing = [size for size in sizes if size not in about["sizes"]]
    if not missing:
        return
    needed, free = sum(missing) * BYTES_A_REPORT + BYTES_MORE, shutil.disk_usage(KEPT).free
    if free < needed * 1.2:
        raise BenchTrouble(
            f"{sum(missing):,} reports take {needed / 2**30:.0f} GB, a fifth more while they are stored, and "
            f"{free >> 30} are free in {KEPT}/; with less: make bench-scale MOST=1000000"
        )
    print(f"  building the store in {KEPT}/: once, {needed / 2**30:.0f} GB", flush=True)
    server = EmbeddedPostgres(kept, TUNING | BUILDING)
    try:
        if not about["sizes"]:
            shutil.rmtree(kept, ignore_errors=True)
            kept.mkdir()
            await server.start()
            settings, key = await set_up(server.dsn, PACK, kept, merge_duplicates="true")
            await _post_sample(server, settings, key, kept)
            until = datetime.now(UTC).replace(microsecond=0)
            about |= {"settings": settings, "key": key, "until": until.isoformat(), "built": f"{until:%Y-%m-%d}"}
        else:
            await server.start()
        for size in missing:
            began = time.monotonic()
            await _fill(server, size, datetime.fromisoformat(about["until"]))
            print(f"  {size:,} reports: {time.monotonic() - began:.0f} s", flush=True)
            about["sizes"].append(size)
            (kept / "scale.json").write_bytes(orjson.dumps(about))
    finally:
        await server.stop()


async def _post_sample(server: EmbeddedPostgres, settings: dict[str, str], key: str, kept: Path) -> None:
    """Components, and some reports, by the doors of the real service."""
    async with folder() as where:
        file = where / "components.csv"
        await asyncio.to_thread(write, file, COMPONENTS, PACK)
        await wangge(settings, "components", "import", str(file))
        connection = await asyncpg.connect(server.dsn)
        codes = await component_codes(connection)
        lines = traffic.traffic(PACK, SAMPLE, codes)
        api = serving("intake", "api", settings, where)
        async with running([api]):
            await post_batch(api.base, key, lines)
        await connection.execute(scale_sql.SAMPLE + scale_sql.AGES)
        await connection.close()


async def component_codes(connection: "asyncpg.Connection[asyncpg.Record]") -> list[int]:
    found = await connection.fetch("SELECT code FROM intake.components WHERE state <> 'removed' ORDER BY code")
    return [row[0] for row in found]


async def post_batch(base: str, key: str, lines: list[bytes]) -> None:
    """Post a batch; all must be taken."""
    wire = Wire(base, connections=1, timeout=120)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    answer = await wire.send("POST", "/intake/v1/reports/batch", headers, b"\n".join(lines))
    wire.close()
    if answer.body.count(b'"status":201') != len(lines):
        refused = next((line for line in answer.body.splitlines() if b'"status":201' not in line), b"")
        raise BenchTrouble(f"the batch was refused: {refused[:300].decode()}")


async def _fill(server: EmbeddedPostgres, size: int, until: datetime) -> None:
    """A database of `size` reports; two tables at a time. It has its name when it is whole."""
    unfinished = f"{_name(size)}_new"
    connection = await asyncpg.connect(_dsn(server, "postgres"))
    await connection.execute(f"DROP DATABASE IF EXISTS {unfinished}")
    await connection.execute(f"CREATE DATABASE {unfinished} TEMPLATE wangge")
    whole = await asyncpg.connect(_dsn(server, unfinished))
    await scale_sql.make_numbers(whole, size, until)
    turns = asyncio.Semaphore(2)

    async def one(filling: scale_sql.Filling) -> None:
        async with turns:
            own = await asyncpg.connect(_dsn(server, unfinished))
            await scale_sql.fill(own, filling)
            await own.execute(f"VACUUM (FREEZE, ANALYZE) {filling.table}")
            await own.close()

    await asyncio.gather(*(one(filling) for filling in scale_sql.FILLINGS))
    await whole.execute(scale_sql.PEOPLE)
    await _keep_clusters(whole, until)
    await whole.execute("UPDATE intake.open311_settled SET upto = $1", id_floor(until))
    await whole.execute("DROP SCHEMA sample CASCADE")
    await whole.execute("VACUUM ANALYZE")
    await whole.close()
    await connection.execute(f"ALTER DATABASE {unfinished} RENAME TO {_name(size)}")
    await connection.close()


async def _keep_clusters(connection: "asyncpg.Connection[asyncpg.Record]", until: datetime) -> None:
    known = likenesses(load(PACK))
    rows = [
        (id, spots(likeness, lon, lat)[0], category, lon, lat, age, key, reports, likeness.window.total_seconds())
        for id, category, lon, lat, age, key, reports in await connection.fetch(scale_sql.CLUSTERED, until)
        if (likeness := known.get(category)) is not None
    ]
    await connection.copy_records_to_table("clusters", schema_name="bench", records=rows)


def _name(size: int) -> str:
    return f"reports_{size}"


def _dsn(server: EmbeddedPostgres, database: str) -> str:
    return server.dsn.replace("/wangge?", f"/{database}?")
