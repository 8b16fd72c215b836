"""Real servers for tests: a Postgres and a Kafka broker, each on a folder of its own and a free port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.kafka.broker import Broker
from services.city.embedded_postgres import EmbeddedPostgres

# What tests name instead of starting servers of their own: a database in which databases may be made, and a broker.
POSTGRES_VARIABLE = "WANGGE_TEST_DATABASE_URL"
KAFKA_VARIABLE = "WANGGE_TEST_KAFKA"


@asynccontextmanager
async def running_postgres(folder: Path) -> AsyncIterator[str]:
    """The DSN of a server that answers; two test workers with a city each need more connections than one city."""
    folder.mkdir(parents=True, exist_ok=True)
    server = EmbeddedPostgres(folder, {"max_connections": "250"})
    try:
        await server.start()
        yield server.dsn
    finally:
        await server.stop()


@asynccontextmanager
async def running_kafka(folder: Path) -> AsyncIterator[str]:
    """The address of a broker whose groups can commit."""
    broker = Broker(folder)
    try:
        await asyncio.to_thread(broker.start)
        await broker.ready()
        yield broker.bootstrap
    finally:
        await asyncio.to_thread(broker.stop)
