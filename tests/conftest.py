"""The servers that tests run against. None is ever skipped: a server that cannot be had fails the test."""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from shared import migrations
from shared.logs import start_logging
from tests.servers import KAFKA_VARIABLE, POSTGRES_VARIABLE, running_kafka, running_postgres
from tests.turns import TURNS_VARIABLE, Turns

TURNS = pytest.StashKey[Turns]()


def pytest_configure(config: pytest.Config) -> None:
    if given := os.environ.get(TURNS_VARIABLE):
        config.stash[TURNS] = Turns(Path(given))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files marked `alone` come last, when most of the machine is free anyway; the longest of the others first."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (_alone(item), -tests[item.path]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """A turn lasts for a whole file: what its module's fixtures have started is gone when the next one begins."""
    turns = item.config.stash.get(TURNS, None)
    if turns is None:
        return (yield)
    turns.take(alone=_alone(item))
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.path != item.path:
            turns.leave()


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@pytest.fixture(scope="session", autouse=True)
def plain_log() -> None:
    """As a service logs: structlog's own default draws every local of a traceback, which takes seconds."""
    start_logging()


@pytest.fixture(scope="session")
async def postgres_dsn() -> AsyncIterator[str]:
    """A Postgres server, as the DSN of a database in which others can be made."""
    if given := os.environ.get(POSTGRES_VARIABLE):
        yield given
        return
    # Not pytest's own folder: each session of pytest closes it to other users again, and so to Postgres' own.
    with tempfile.TemporaryDirectory(prefix="wangge-test-") as folder:
        async with running_postgres(Path(folder)) as dsn:
            yield dsn


async def new_database(server: str) -> str:
    """An empty database of this run's own; it goes with the server."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


@pytest.fixture
async def empty_database(postgres_dsn: str) -> str:
    """A database without any schema, new for each test."""
    return await new_database(postgres_dsn)


@pytest.fixture(scope="session")
async def database(postgres_dsn: str) -> str:
    """A fresh, migrated database, one for each test worker: tests share it and keep to ids of their own."""
    dsn = await new_database(postgres_dsn)
    await asyncio.to_thread(migrations.migrate, dsn)
    return dsn


@pytest.fixture
async def own_database(postgres_dsn: str) -> str:
    """A migrated database for one test alone: for what changes more than its own rows."""
    dsn = await new_database(postgres_dsn)
    await asyncio.to_thread(migrations.migrate, dsn)
    return dsn


@pytest.fixture(scope="session")
async def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A Kafka broker."""
    if given := os.environ.get(KAFKA_VARIABLE):
        yield given
        return
    async with running_kafka(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap
