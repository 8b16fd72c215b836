"""An API key opens a service when its fact has come, and stops opening it when it is revoked."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from shared.auth import BadKey, RateExceeded
from shared.keys import KeyRing, apply_key_facts, key_hash, new_key
from shared.postgres import Pool, create_pool, transaction

SCHEMA = "dispatch"
NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)


class Fact:
    def __init__(self, **data: Any) -> None:
        self.data = orjson.dumps(data)


def issued(key_id: str, key: str, version: int = 1, **more: Any) -> Fact:
    scope = {"actions": ["reports:create"], "area": "110108.012", "categories": ["01001"], "rate": None}
    return Fact(
        key_id=key_id,
        name="an app",
        hash=key_hash(key),
        scope={**scope, **more.pop("scope", {})},
        issued_at=NOW.isoformat(),
        version=version,
        **more,
    )


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    made = await create_pool(database, name="test", size=4)
    yield made
    await made.close()


async def learn(pool: Pool, *facts: Fact) -> None:
    async with transaction(pool) as tx:
        await apply_key_facts(tx, SCHEMA, facts)


async def test_a_new_key_opens_at_once_with_its_scope(pool: Pool) -> None:
    ring = KeyRing(pool, SCHEMA)
    await ring.refresh()
    key_id, key = new_key()
    await learn(pool, issued(key_id, key))
    who = await ring.principal(key)
    assert (who.kind, who.subject, who.area) == ("app", f"key:{key_id}", "110108.012")
    assert who.actions == {"reports:create"}
    assert who.categories == frozenset({"01001"})


async def test_a_revoked_key_opens_nothing_within_two_seconds(pool: Pool) -> None:
    ring = KeyRing(pool, SCHEMA)
    stop = asyncio.Event()
    working = asyncio.create_task(ring.job().run(stop))
    key_id, key = new_key()
    await learn(pool, issued(key_id, key))
    await ring.principal(key)
    await learn(pool, issued(key_id, key, version=2, revoked_at=NOW.isoformat()))
    async with asyncio.timeout(2):
        while True:
            try:
                await ring.principal(key)
            except BadKey:
                break
            await asyncio.sleep(0.02)
    stop.set()
    await working


async def test_an_older_fact_that_comes_late_changes_nothing(pool: Pool) -> None:
    ring = KeyRing(pool, SCHEMA)
    key_id, key = new_key()
    await learn(pool, issued(key_id, key, version=2, revoked_at=NOW.isoformat()))
    await learn(pool, issued(key_id, key))
    with pytest.raises(BadKey):
        await ring.principal(key)


@pytest.mark.parametrize("wrong", ["wg_", "wg_abc", "wg_0123456789ab_secret", "wg__", "wg_é_x"])
async def test_what_is_no_key_of_ours_is_refused(pool: Pool, wrong: str) -> None:
    with pytest.raises(BadKey):
        await KeyRing(pool, SCHEMA).principal(wrong)


async def test_the_right_id_with_another_secret_is_refused(pool: Pool) -> None:
    ring = KeyRing(pool, SCHEMA)
    key_id, key = new_key()
    await learn(pool, issued(key_id, key))
    with pytest.raises(BadKey):
        await ring.principal(f"wg_{key_id}_guess")


async def test_a_key_ends_on_its_date(pool: Pool) -> None:
    now = [NOW]
    ring = KeyRing(pool, SCHEMA, clock=lambda: now[0])
    key_id, key = new_key()
    await learn(pool, issued(key_id, key, expires_at=(NOW + timedelta(hours=1)).isoformat()))
    await ring.principal(key)
    now[0] = NOW + timedelta(hours=1)
    with pytest.raises(BadKey, match="expired"):
        await ring.principal(key)


async def test_a_key_has_its_rate_and_says_when_to_come_again(pool: Pool) -> None:
    ring = KeyRing(pool, SCHEMA)
    key_id, key = new_key()
    await learn(pool, issued(key_id, key, scope={"rate": 3}))
    for _ in range(3):
        await ring.principal(key)
    with pytest.raises(RateExceeded) as refused:
        await ring.principal(key)
    assert refused.value.facts["retry_after"] == 1


async def test_a_rotated_key_is_the_same_app(pool: Pool) -> None:
    ring = KeyRing(pool, SCHEMA)
    (old_id, old), (new_id, new) = new_key(), new_key()
    await learn(pool, issued(old_id, old))
    before = await ring.principal(old)
    ended = issued(old_id, old, version=2, expires_at=NOW.isoformat(), scope={"family": old_id})
    await learn(pool, ended, issued(new_id, new, scope={"family": old_id}))
    after = await ring.principal(new)
    assert (before.subject, after.subject) == (f"key:{old_id}", f"key:{old_id}")
    assert (before.key, after.key) == (old_id, new_id)
    await ring.refresh()
    assert not ring.opens(old_id)
    assert ring.opens(new_id)
    with pytest.raises(BadKey, match="expired"):
        await ring.principal(old)


async def test_keys_made_up_by_the_thousand_share_a_look(pool: Pool) -> None:
    ring = KeyRing(pool, SCHEMA)
    looks = 0
    inner = ring.refresh

    async def counted() -> None:
        nonlocal looks
        looks += 1
        await inner()

    ring.refresh = counted  # type: ignore[method-assign]
    answers = await asyncio.gather(
        *(ring.principal(f"wg_{n:012d}_guess") for n in range(1_000)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {BadKey}
    assert looks <= 3
    key_id, key = new_key()
    await learn(pool, issued(key_id, key))
    assert (await ring.principal(key)).key == key_id
