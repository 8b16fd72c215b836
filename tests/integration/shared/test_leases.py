"""Limits of keys: shared by replicas, never exceeded by more than is said, and not paid for by each request."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from shared.auth import QuotaExceeded, RateExceeded
from shared.kernel.errors import TooMany
from shared.leases import Lease, Leases
from shared.postgres import Pool, create_pool

SCHEMA = "intake"
ZONE = "Asia/Shanghai"


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    made = await create_pool(database, name="test", size=4)
    yield made
    await made.close()


def family() -> str:
    return uuid4().hex[:12]


async def admitted(leases: Leases, lease: Lease, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            await leases.take(lease)
            count += 1
        except TooMany:
            pass
    return count


async def ticking(leases: Leases, work: Callable[[], Awaitable[int]]) -> int:
    """`work`, while the job of a process does its part."""
    ended = asyncio.Event()

    async def tick() -> None:
        while not ended.is_set():
            await leases.tick()
            await asyncio.sleep(0.05)

    ticks = asyncio.create_task(tick())
    try:
        return await work()
    finally:
        ended.set()
        await ticks


async def row(pool: Pool, name: str) -> Any:
    return await pool.fetchrow(f"SELECT * FROM {SCHEMA}.key_usage WHERE family = $1", name)


async def test_a_rate_admits_its_second_and_then_refuses_with_the_time_to_wait(pool: Pool) -> None:
    leases = Leases(pool, SCHEMA, ZONE)
    lease = leases.of(family(), 5, None)
    assert lease is not None
    assert await admitted(leases, lease, 5) == 5
    await admitted(leases, lease, 50)
    lease.tokens, lease.dry_until = 0, time.monotonic() + 0.1
    with pytest.raises(RateExceeded) as refused:
        await leases.take(lease)
    assert refused.value.facts["retry_after"] == 1
    assert refused.value.facts["violated-policies"] == ["second"]


async def test_replicas_share_a_rate(pool: Pool) -> None:
    name, rate = family(), 40
    replicas = [Leases(pool, SCHEMA, ZONE) for _ in range(3)]
    began = time.monotonic()

    async def crowd(leases: Leases) -> int:
        lease = leases.of(name, rate, None)
        assert lease is not None
        count = 0
        while time.monotonic() - began < 1.5:
            count += await admitted(leases, lease, 3)
            await asyncio.sleep(0.002)
        return count

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(ticking(leases, partial(crowd, leases)) for leases in replicas))

    counts = await all_of_them()
    lasted = time.monotonic() - began
    assert sum(counts) <= rate * (lasted + 2)
    # The burst and at least half of what flowed in after it were to be had.
    assert sum(counts) >= rate * (1 + lasted / 2)


async def test_a_daily_quota_is_exact_whoever_asks_and_outlives_its_processes(pool: Pool) -> None:
    name = family()
    first, second = Leases(pool, SCHEMA, ZONE), Leases(pool, SCHEMA, ZONE)
    total = 0
    for _ in range(8):
        for leases in (first, second):
            lease = leases.of(name, None, 30)
            assert lease is not None
            total += await admitted(leases, lease, 3)
    assert total == 30
    await asyncio.gather(first.give_back(), second.give_back())
    assert (await row(pool, name))["used"] == 30
    fresh = Leases(pool, SCHEMA, ZONE)
    lease = fresh.of(name, None, 30)
    assert lease is not None
    with pytest.raises(QuotaExceeded) as refused:
        await fresh.take(lease)
    wait = refused.value.facts["retry_after"]
    assert isinstance(wait, int)
    assert 0 < wait <= 86_400
    assert refused.value.facts["violated-policies"] == ["day"]


async def test_a_process_that_ends_gives_back_what_it_did_not_spend(pool: Pool) -> None:
    name = family()
    leases = Leases(pool, SCHEMA, ZONE)
    lease = leases.of(name, None, 100)
    assert lease is not None
    await asyncio.gather(*(leases.take(lease) for _ in range(20)))
    await leases.take(lease)
    assert (await row(pool, name))["used"] > 21
    await leases.give_back()
    assert (await row(pool, name))["used"] == 21


async def test_unspent_tokens_go_back_after_a_second(pool: Pool) -> None:
    name = family()
    leases = Leases(pool, SCHEMA, ZONE)
    lease = leases.of(name, None, 100)
    assert lease is not None
    assert await admitted(leases, lease, 2) == 2
    assert lease.tokens > 0
    lease.until, lease.spent = time.monotonic(), 0
    await leases.tick()
    assert (lease.tokens, (await row(pool, name))["used"]) == (0, 2)


@pytest.mark.parametrize("moved", ["1 hour", "-1 hour"])
async def test_a_database_clock_that_was_moved_gives_and_takes_no_more_than_a_second(pool: Pool, moved: str) -> None:
    name = family()
    leases = Leases(pool, SCHEMA, ZONE)
    lease = leases.of(name, 10, None)
    assert lease is not None
    await admitted(leases, lease, 10)
    sql = f"UPDATE {SCHEMA}.key_usage SET filled_at = filled_at + $2::text::interval, tokens = 0 WHERE family = $1"
    await pool.execute(sql, name, moved)
    lease.tokens, lease.dry_until = 0, 0.0
    count = await admitted(leases, lease, 30)
    assert count <= (1 if moved[0] != "-" else 11)
    lease.dry_until = 0.0
    await asyncio.sleep(0.3)  # time goes on from where the clock is now
    assert await admitted(leases, lease, 5) >= 1


async def test_a_day_that_comes_again_has_no_second_quota_and_a_new_day_a_fresh_one(pool: Pool) -> None:
    name = family()
    leases = Leases(pool, SCHEMA, ZONE)
    lease = leases.of(name, None, 5)
    assert lease is not None
    assert await admitted(leases, lease, 9) == 5
    await pool.execute(f"UPDATE {SCHEMA}.key_usage SET day = day + 1 WHERE family = $1", name)
    lease.dry_until = 0.0
    assert await admitted(leases, lease, 3) == 0
    # It stays the later day: when that one comes, what was used of it counts.
    assert (await row(pool, name))["day"] == lease.day
    later = f"SELECT day > (now() AT TIME ZONE $2)::date FROM {SCHEMA}.key_usage WHERE family = $1"
    assert await pool.fetchval(later, name, ZONE)
    await pool.execute(f"UPDATE {SCHEMA}.key_usage SET day = day - 2 WHERE family = $1", name)
    lease.dry_until = 0.0
    assert await admitted(leases, lease, 9) == 5


async def test_a_busy_key_asks_the_database_seldom(pool: Pool) -> None:
    leases = Leases(pool, SCHEMA, ZONE)
    asked = 0
    inner = leases._row_of_each

    async def counted(rows: Any) -> Any:
        nonlocal asked
        asked += 1
        return await inner(rows)

    leases._row_of_each = counted  # type: ignore[method-assign,assignment]
    lease = leases.of(family(), 100_000, 1_000_000)
    assert lease is not None
    assert await admitted(leases, lease, 5_000) == 5_000
    assert asked <= 20


async def test_a_flood_is_refused_from_memory(pool: Pool) -> None:
    leases = Leases(pool, SCHEMA, ZONE)
    lease = leases.of(family(), None, 3)
    assert lease is not None
    await admitted(leases, lease, 4)
    leases._row_of_each = None  # type: ignore[method-assign,assignment]
    assert await admitted(leases, lease, 10_000) == 0


async def test_a_caller_that_hangs_up_costs_nobody_the_lease(pool: Pool) -> None:
    leases = Leases(pool, SCHEMA, ZONE)
    lease = leases.of(family(), 50, None)
    assert lease is not None
    gone = asyncio.create_task(leases.take(lease))
    stays = asyncio.create_task(leases.take(lease))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert lease.waiting == 0


async def test_without_a_database_each_process_goes_by_itself() -> None:
    away = await create_pool("postgresql://nobody@127.0.0.1:9/nothing", name="test", size=2)
    leases = Leases(away, SCHEMA, ZONE)
    lease = leases.of(family(), 5, 100)
    assert lease is not None
    count = await admitted(leases, lease, 50)
    assert 5 <= count <= 10
    await away.close()


async def test_another_error_than_an_outage_is_raised_to_those_who_wait(pool: Pool) -> None:
    leases = Leases(pool, "nowhere", ZONE)
    lease = leases.of(family(), 5, None)
    assert lease is not None
    with pytest.raises(Exception, match="nowhere"):
        await leases.take(lease)
    with pytest.raises(Exception, match="nowhere"):
        await asyncio.gather(*[task for task in [leases._asking] if task])
