"""Three databases with ten thousand, a hundred thousand and a million closed cases, built once and kept.

A few hundred lifecycles are played through the real services; the rest are copies of them (`store_sql`). The cluster
lies in .wangge-bench/store-…, named after the migrations and the statements it was built from: with others it is built
anew. What a measurement adds is taken away before the next one.
"""

import asyncio
import hashlib
import inspect
import shutil
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import orjson

from services.city.data_folder import locked_folder
from services.city.embedded_postgres import EmbeddedPostgres
from services.city.robots.wire import Wire
from services.dispatch.store import tallies
from shared import migrations
from shared.packs import load
from tests.bench import bare_desk, store_sql
from tests.bench.lifecycles import OurClients, Waiting, waiting_cases
from tests.bench.measure import BenchTrouble
from tests.bench.processes import KEPT, folder, running, serving, set_up
from tests.bench.reports import bodies

PACK = "haidian"
SIZES = (10_000, 100_000, 1_000_000)
SAMPLE = 300
# Three databases with three processes each, and workers.
TUNING = {"max_connections": "250"}
# Only while it is built; it is as durable as ever afterwards, for the server is stopped in order.
BUILDING = {"shared_buffers": "512MB", "max_wal_size": "2GB", "maintenance_work_mem": "512MB"}
NEEDED_BYTES = 12 << 30
OPEN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Store:
    """A running server; `settings[size]` are those of services on the database with so many cases."""

    server: EmbeddedPostgres
    key: str
    built: str
    settings: dict[int, dict[str, str]]

    def dsn(self, size: int) -> str:
        return self.settings[size]["WANGGE_DATABASE_URL"]


def fingerprint() -> str:
    """Of all that the store is built from."""
    digest = hashlib.sha256(repr((PACK, SIZES, SAMPLE, bare_desk.TABLES)).encode())
    digest.update(inspect.getsource(store_sql).encode())
    for schema in migrations.schemas():
        for revision in migrations.revisions(schema):
            digest.update(revision.path.read_bytes())
    return digest.hexdigest()[:10]


@asynccontextmanager
async def stored() -> AsyncIterator[Store]:
    """The store, built if there is none for this code, cleared of what was measured on it before.

    Raises Trouble while another bench has it, BenchTrouble for want of room.
    """
    with locked_folder(KEPT) as folder_of_stores:
        kept = folder_of_stores / f"store-{fingerprint()}"
        if not kept.exists():
            await _build(kept)
        about = orjson.loads((kept / "store.json").read_bytes())
        server = EmbeddedPostgres(kept, TUNING)
        try:
            await server.start()
            base = about["settings"] | {"WANGGE_DATA_DIR": str(kept / "data")}
            settings = {size: base | {"WANGGE_DATABASE_URL": _dsn(server, size)} for size in SIZES}
            store = Store(server, about["key"], about["built"], settings)
            for size in SIZES:
                await _clear(store.dsn(size))
            yield store
        finally:
            await server.stop()


async def open_cases(store: Store, size: int, intake: str, count: int, where: Path) -> deque[Waiting]:
    """`count` new cases that wait for their first act: posted to intake's API, opened by workers, which then end."""
    return await _opened(store.settings[size], store.key, intake, count, where)


async def _opened(settings: dict[str, str], key: str, intake: str, count: int, where: Path) -> deque[Waiting]:
    wire = Wire(intake, connections=1)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    reports = bodies(PACK, count)
    for n in range(0, count, 1000):
        lines = reports[n : n + 1000]
        answer = await wire.send("POST", "/intake/v1/reports/batch", headers, b"\n".join(lines))
        if answer.body.count(b'"status":201') != len(lines):
            raise BenchTrouble(f"the batch was refused: {answer.body[:300].decode()}")
    wire.close()
    async with running([serving(service, "worker", settings, where) for service in ("intake", "dispatch")]):
        until = time.monotonic() + OPEN_SECONDS
        while len(cases := await waiting_cases(settings["WANGGE_DATABASE_URL"])) < count:
            if time.monotonic() > until:
                raise BenchTrouble(f"{len(cases)} of {count} cases were opened in {OPEN_SECONDS} s")
            await asyncio.sleep(0.2)
    return deque(cases)


async def _build(kept: Path) -> None:
    for old in KEPT.glob("store-*"):
        shutil.rmtree(old)
    if (free := shutil.disk_usage(KEPT).free) < NEEDED_BYTES:
        raise BenchTrouble(f"the store of a million cases takes {NEEDED_BYTES >> 30} GB and {free >> 30} are free")
    unfinished = kept.with_suffix(".new")
    unfinished.mkdir()
    print(f"  building the store in {KEPT}/: once, three minutes, 10 GB", flush=True)
    began = time.monotonic()
    server = EmbeddedPostgres(unfinished, TUNING | BUILDING)
    try:
        await server.start()
        settings, key = await set_up(server.dsn, PACK, unfinished)
        await _play_sample(server, settings, key)
        for size in SIZES:
            since = time.monotonic()
            await _fill(server, size)
            print(f"  {size:,} cases: {time.monotonic() - since:.0f} s", flush=True)
    finally:
        await server.stop()
    built = f"{datetime.now(UTC):%Y-%m-%d} in {time.monotonic() - began:.0f} s"
    about = {"settings": settings, "key": key, "built": built}
    (unfinished / "store.json").write_bytes(orjson.dumps(about))
    unfinished.rename(kept)


async def _play_sample(server: EmbeddedPostgres, settings: dict[str, str], key: str) -> None:
    """A few hundred cases, from report to closure, through the real services."""
    async with folder() as where:
        apis = [serving(service, "api", settings, where) for service in ("intake", "dispatch")]
        intake, dispatch = (process.base for process in apis)
        async with running(apis):
            cases = await _opened(settings, key, intake, SAMPLE, where)
            clients = OurClients(intake, dispatch, PACK, key, cases, bodies(PACK, SAMPLE))
            await clients.to_the_end()
            clients.close()
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(store_sql.SAMPLE + bare_desk.TABLES)
    await connection.close()


async def _fill(server: EmbeddedPostgres, size: int) -> None:
    connection = await asyncpg.connect(_dsn(server, "postgres"))
    await connection.execute(f"CREATE DATABASE {_database(size)} TEMPLATE wangge")
    await connection.close()
    connection = await asyncpg.connect(_dsn(server, size))
    await store_sql.fill(connection, size)
    async with connection.transaction():
        await tallies.recount(connection, load(PACK).time_zone)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def _clear(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(store_sql.CLEAR)
    async with connection.transaction():
        await tallies.fold(connection, load(PACK).time_zone, 1_000_000)
    for table in store_sql.TABLES:
        await connection.execute(f"VACUUM {table}")
    await connection.close()


def _database(size: int | str) -> str:
    return size if isinstance(size, str) else f"cases_{size}"


def _dsn(server: EmbeddedPostgres, size: int | str) -> str:
    return server.dsn.replace("/wangge?", f"/{_database(size)}?")
