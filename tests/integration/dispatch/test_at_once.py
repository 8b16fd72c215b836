"""An act looks without a lock: whoever changes the case, or answers its key, before it is saved comes first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from services.dispatch.audit.chain import canonical, row_mac
from services.dispatch.store.timeline import COLUMNS
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.dispatch.conftest import City

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


class Meanwhile:
    """Somebody in the middle of a transaction of their own, and an act that has looked and waits to save."""

    def __init__(self, city: City, tx: Any) -> None:
        self._city, self._tx = city, tx
        self.act: asyncio.Task[httpx.Response] | None = None

    async def execute(self, statement: str, *given: object) -> None:
        await self._tx.execute(statement, *given)

    async def waits(self, case: dict[str, Any], act: str, post: str, body: object = None, **more: Any) -> None:
        self.act = asyncio.create_task(self._city.try_act(case, act, post, body, **more))
        for _ in range(500):
            if await self._city.wired.pool.fetchval(WAITING):
                return
            assert not self.act.done(), self.act.result().text
            await asyncio.sleep(0.01)
        raise AssertionError("the act did not come to wait")

    async def answer(self) -> httpx.Response:
        assert self.act is not None
        return await self.act


@asynccontextmanager
async def meanwhile(city: City) -> AsyncIterator[Meanwhile]:
    """Committed with the end of the block."""
    async with transaction(city.wired.pool) as tx:
        yield Meanwhile(city, tx)


async def timeline(city: City, case_id: str) -> list[asyncpg.Record]:
    rows = "SELECT * FROM dispatch.timeline WHERE case_id = $1 ORDER BY version"
    return await city.wired.pool.fetch(rows, UUID(case_id))


async def test_a_case_that_was_changed_in_between_is_looked_at_again(city: City) -> None:
    case, key = await city.case(), str(uuid7())
    async with meanwhile(city) as other:
        await other.execute(
            "UPDATE dispatch.cases SET version = version + 1, revision = revision + 1 WHERE id = $1", UUID(case["id"])
        )
        await other.waits(case, "accept", "acceptor", key=key)
    answer = await other.answer()
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/case-changed")
    assert len(await timeline(city, case["id"])) == 1
    assert len(await city.outbox(case["id"])) == 1
    assert (await city.seen(case["id"]))["status"] == "reported"
    assert not await city.wired.pool.fetchval("SELECT count(*) FROM dispatch.idempotency WHERE key = $1", key)


async def test_a_change_that_nobody_minds_is_kept_and_the_act_is_done(city: City) -> None:
    """A yellow mark leaves the revision as it was: the act is decided anew on top of it, and chained to it."""
    case = await city.case()
    mark = b"\x01" * 37
    async with meanwhile(city) as other:
        await other.execute("UPDATE dispatch.cases SET version = 2, head = $2 WHERE id = $1", UUID(case["id"]), mark)
        await other.waits(case, "accept", "acceptor")
    answer = await other.answer()
    assert (answer.status_code, answer.json()["version"]) == (200, 3)
    _, accepted = await timeline(city, case["id"])
    row = (UUID(case["id"]), *(accepted[name] for name in COLUMNS[1:-1]))
    assert accepted["mac"] == row_mac(city.wired.audit.current, mark, canonical(row))


async def test_a_key_that_was_answered_in_between_is_not_used_twice(city: City) -> None:
    case, key = await city.case(), str(uuid7())
    async with meanwhile(city) as other:
        await other.execute(
            "INSERT INTO dispatch.idempotency (caller, key, request_hash, status, body) VALUES ($1, $2, $3, 200, $4)",
            *("acceptor-1", key, b"of another request", b"{}"),
        )
        await other.waits(case, "accept", "acceptor", key=key)
    answer = await other.answer()
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert (await city.seen(case["id"]))["status"] == "reported"
    assert len(await city.outbox(case["id"])) == 1


async def test_whoever_gives_up_leaves_the_act_to_be_done(city: City) -> None:
    """The other transaction is rolled back: the row is as it was seen, and nothing is decided twice."""
    case = await city.case()
    try:
        async with meanwhile(city) as other:
            await other.execute("UPDATE dispatch.cases SET version = 2 WHERE id = $1", UUID(case["id"]))
            await other.waits(case, "accept", "acceptor")
            raise InterruptedError
    except InterruptedError:
        answer = await other.answer()
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert len(await timeline(city, case["id"])) == 2
