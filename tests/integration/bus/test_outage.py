"""Postgres or the broker goes away for a while, at any moment; everything goes on by itself afterwards."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from deploy.kafka.broker import Broker
from services.city.embedded_postgres import EmbeddedPostgres
from shared.kernel.errors import Unavailable
from shared.postgres import Connection, is_outage
from tests.integration.bus.world import World, a_world, eventually


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedPostgres]:
    """A Postgres of this test's own, to stop and start. The folder's name is short: a socket's path has to be."""
    folder = Path(tempfile.mkdtemp(prefix="wg-"))
    os.chmod(folder, 0o755)
    postgres = EmbeddedPostgres(folder)
    try:
        await postgres.start()
        yield postgres
    finally:
        await postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def test_postgres_away_and_back(kind: str, bootstrap: str, server: EmbeddedPostgres) -> None:
    async with a_world(kind, server.dsn, bootstrap) as world:  # type: ignore[arg-type]
        async with world.running(world.relay(), world.reader("g")):
            done = asyncio.Event()
            writer = asyncio.create_task(keep_publishing(world, done))
            await eventually(lambda: at_least(world, 20))
            for seconds in (0.2, 2.0):
                await server.stop()
                await asyncio.sleep(seconds)
                await server.start()
                reached = len(await patiently(world))
                await eventually(partial(at_least, world, reached + 20), seconds=20)
            done.set()
            published = await writer
            await eventually(lambda: world.sequences("s"), list(range(1, published + 1)))
        assert await world.parked() == []


async def keep_publishing(world: World, done: asyncio.Event) -> int:
    """One fact after the other, each tried until it is committed or known to be. How many there are."""
    number = 0
    while not done.is_set():
        number += 1
        event = world.event("s", number)
        while True:
            try:
                await world.publish(event)
                break
            except Exception as error:
                if not is_outage(error):
                    raise
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.005)
    return number


async def patiently(world: World) -> list[int]:
    while True:
        try:
            return await world.sequences("s")
        except Exception as error:
            if not is_outage(error):
                raise
            await asyncio.sleep(0.05)


async def at_least(world: World, number: int) -> bool:
    return len(await world.seen()) >= number


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker of this test's own."""
    own = Broker(tmp_path)
    try:
        await asyncio.to_thread(own.start)
        await own.ready()
        yield own
    finally:
        if own.process is not None:
            own.process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(own.stop)


@pytest.mark.slow
async def test_the_broker_frozen_then_killed_and_back(broker: Broker, empty_database: str) -> None:
    async with a_world("kafka", empty_database, broker.bootstrap) as world:
        async with world.running(world.relay(), world.reader("g")):
            done = asyncio.Event()
            writer = asyncio.create_task(keep_publishing(world, done))
            await eventually(lambda: at_least(world, 20))
            assert broker.process is not None
            broker.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(3)
            broker.process.send_signal(signal.SIGCONT)
            reached = len(await world.seen())
            await eventually(lambda: at_least(world, reached + 20), seconds=30)
            broker.process.kill()
            await asyncio.to_thread(broker.process.wait)
            await asyncio.sleep(1)
            # Facts are still accepted; they wait in the outbox.
            assert await world.waiting() > 0
            await asyncio.to_thread(broker.start)
            await broker.ready()
            reached = len(await world.seen())
            await eventually(lambda: at_least(world, reached + 100), seconds=40)
            done.set()
            published = await writer
            await eventually(lambda: world.sequences("s"), list(range(1, published + 1)), seconds=20)
            await eventually(world.waiting, 0)
        assert await world.parked() == []


async def test_an_outage_inside_a_handler_is_waited_out_and_parks_nothing(world: World) -> None:
    calls = 0
    write = world.write("g")

    async def handler(tx: Connection, records: object) -> None:
        nonlocal calls
        calls += 1
        if calls <= 4:
            raise Unavailable("not now")
        if calls == 5:
            await tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        if calls <= 8:
            raise asyncpg.DeadlockDetectedError("deadlock")
        await write(tx, records)  # type: ignore[arg-type]

    async with world.running(world.relay(), world.reader("g", handler)):
        await world.publish(world.event("s", 1), world.event("s", 2))
        await eventually(lambda: world.sequences("s"), [1, 2])
    assert calls == 9
    assert await world.parked() == []
