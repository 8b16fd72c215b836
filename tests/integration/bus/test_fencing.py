"""A worker that was killed or frozen at the worst moment: nothing lost, nothing doubled."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from shared.bus.event import Record
from shared.bus.inbox import Fenced, Inbox, Slice
from tests.integration.bus.world import SCHEMA, World, eventually


@asynccontextmanager
async def worker(world: World, what: str, marker: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another worker, as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.bus.worker", world.kind, world.settings.database_url),
        *(world.settings.kafka_bootstrap, world.topic, what, str(marker or "")),
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()


async def test_a_relay_killed_between_publishing_and_deleting_loses_and_doubles_nothing(world: World) -> None:
    await world.pool.execute(f"""
        CREATE FUNCTION {SCHEMA}.linger() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(60); RETURN OLD; END $$;
        CREATE TRIGGER linger BEFORE DELETE ON {SCHEMA}.outbox FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.linger();
    """)
    await world.publish(*[world.event("s", n) for n in range(1, 6)])
    async with world.running(world.reader("g")):
        async with worker(world, "relay") as victim:
            await eventually(lambda: deleting(world))
            if world.kind == "kafka":
                await eventually(lambda: world.sequences("s"), [1, 2, 3, 4, 5])
            victim.kill()
            await victim.wait()
        await world.pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wangge-victim'"
        )
        await world.pool.execute(f"DROP TRIGGER linger ON {SCHEMA}.outbox")
        assert await world.waiting() == 5
        async with world.running(world.relay()):
            await world.publish(world.event("s", 6))
            await eventually(lambda: world.sequences("s"), [1, 2, 3, 4, 5, 6])
            await eventually(world.waiting, 0)
            await asyncio.sleep(0.3)
    assert await world.sequences("s") == [1, 2, 3, 4, 5, 6]


async def deleting(world: World) -> bool:
    return bool(
        await world.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wangge-victim' AND wait_event = 'PgSleep'"
        )
    )


async def test_a_worker_frozen_inside_its_transaction_is_succeeded_and_cannot_commit(
    world: World, tmp_path: Path
) -> None:
    await world.publish(*[world.event("s", n) for n in range(1, 6)], *[world.event("t", n) for n in range(1, 6)])
    marker = tmp_path / "inside"
    async with worker(world, "both", marker) as victim:
        await eventually(lambda: asyncio.to_thread(marker.exists))
        victim.send_signal(signal.SIGSTOP)
        async with world.running(world.relay(), world.reader("g")):
            await world.publish(world.event("s", 6))
            await eventually(lambda: world.sequences("s"), [1, 2, 3, 4, 5, 6], seconds=40)
            marker.unlink()
            victim.send_signal(signal.SIGCONT)
            await world.publish(world.event("s", 7), world.event("t", 6))
            await eventually(lambda: world.sequences("s"), [1, 2, 3, 4, 5, 6, 7])
            await eventually(lambda: world.sequences("t"), [1, 2, 3, 4, 5, 6])
            await asyncio.sleep(1)
    assert await world.sequences("s") == [1, 2, 3, 4, 5, 6, 7]
    assert await world.sequences("t") == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", ["embedded"], indirect=True)
async def test_of_two_readers_of_the_same_batch_one_commits(world: World) -> None:
    """The fence alone, without locks, leases and time-outs around it."""
    subscription = world.subscription("g")
    inbox = Inbox(subscription)
    event = world.event("s", 1)
    record = Record(
        world.topic,
        0,
        40,
        event.key,
        str(event.id),
        event.type,
        "/wangge/alpha",
        "s",
        1,
        "",
        None,
        event.at,
        b"{}",
        None,
    )
    await world.pool.execute(
        f"INSERT INTO {SCHEMA}.inbox_progress VALUES ($1, $2, 0, 40, 'c', 't')", subscription.group, world.topic
    )
    batch = [Slice(world.topic, 0, 40, 41, [record])]
    async with world.pool.acquire() as first, world.pool.acquire() as second:
        outcomes = await asyncio.gather(inbox.apply(first, batch), inbox.apply(second, batch), return_exceptions=True)
        assert sorted(map(type, outcomes), key=str) == [type(None), Fenced]
        with pytest.raises(Fenced):
            await inbox.apply(first, batch, carefully=True)
        # Nor may a batch that begins where another ended differently.
        with pytest.raises(Fenced):
            await inbox.apply(first, [Slice(world.topic, 0, 39, 45, [record])])
    assert await world.sequences("s") == [1]


async def test_the_shards_of_a_relay_that_is_gone_are_taken_over(world: World) -> None:
    async with world.running(world.reader("g")), worker(world, "relay") as victim:
        await world.publish(world.event("s", 1))
        await eventually(lambda: world.sequences("s"), [1])
        async with world.running(world.relay()):
            await eventually(lambda: shards(world), [6, 6])
            victim.send_signal(signal.SIGSTOP)
            await world.publish(*[world.event(f"k{n}", 1, key=str(n)) for n in range(40)])
            # The server ends the frozen session after two seconds here, ten in earnest.
            await eventually(lambda: applied(world), 41, seconds=10)
            await eventually(lambda: shards(world), [12])
            victim.send_signal(signal.SIGCONT)
            await eventually(lambda: shards(world), [6, 6])
    assert len(await world.seen()) == 41


async def applied(world: World) -> int:
    return len(await world.seen())


async def shards(world: World) -> list[int]:
    """How many shards each session holds."""
    rows = await world.pool.fetch(
        "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND objid < 12"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND objsubid = 2 AND classid IN (SELECT classid FROM pg_locks WHERE locktype = 'advisory' AND objid = 99)"
        " GROUP BY pid"
    )
    return [row["n"] for row in rows]
