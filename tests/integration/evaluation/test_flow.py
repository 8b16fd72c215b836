"""From other services' outboxes, over the carrier, to a score card."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson

from services.evaluation.app import api_jobs
from services.evaluation.worker import worker_jobs
from shared.bus.event import Event
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.contracts import topics
from shared.jobs import supervise
from shared.kernel.ids import uuid7
from shared.keys import key_hash, new_key
from shared.postgres import transaction
from tests.integration.evaluation.conftest import Evaluation
from tests.unit.evaluation.histories import TO_CLOSED, History


class Others:
    """Dispatch and intake, as far as they publish."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.outboxes = {name: Outbox(name, Wake()) for name in ("dispatch", "intake")}

    async def publish(self, owner: str, *events: Event) -> None:
        async with transaction(self.evaluation.wired.pool) as tx:
            await self.outboxes[owner].add(tx, events)
        self.outboxes[owner].ring()

    async def happened(self, *histories: History) -> None:
        await self.publish("dispatch", *(event for history in histories for event in events(history)))

    async def key(self, kind: str, key_id: str, key: str, area: str, version: int) -> None:
        scope = {"actions": ["scores:read"], "area": area}
        fact = {"key_id": key_id, "name": "app", "hash": key_hash(key), "scope": scope, "version": version}
        fact |= {"issued_at": datetime.now(UTC)} if kind == "issued" else {"revoked_at": datetime.now(UTC)}
        event = an_event(topics.KEYS.name, key_id, key_id, version, f"key.{kind}.v1", orjson.dumps(fact))
        await self.publish("intake", event)


def an_event(topic: str, key: str, subject: Any, sequence: int, type_: str, data: bytes) -> Event:
    return Event(topic, key, uuid7(), type_, subject, sequence, key, None, datetime.now(UTC), data)


def events(history: History) -> Sequence[Event]:
    return [
        an_event(topics.CASES.name, history.area, history.case_id, version, type_, data)
        for version, (type_, data) in enumerate(history.published, start=1)
    ]


@asynccontextmanager
async def running(evaluation: Evaluation) -> AsyncIterator[Others]:
    others, stop = Others(evaluation), asyncio.Event()
    wired = evaluation.wired
    relays = [wired.carrier.relay_job(wired.pool, outbox) for outbox in others.outboxes.values()]
    working = asyncio.create_task(supervise([*relays, *worker_jobs(wired), *api_jobs(wired)], stop))
    try:
        yield others
    finally:
        stop.set()
        await working


async def eventually(what: Callable[[], Awaitable[object]], wanted: object) -> None:
    found: object = None
    for _ in range(500):
        found = await what()
        if found == wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"still {found!r}, wanted {wanted!r}")


async def test_what_dispatch_publishes_is_scored(alone: Evaluation) -> None:
    async def archived() -> object:
        found = await alone.ask(object="region", period="2026-11")
        return found.json()["items"][0]["counters"]["archive"]

    async with running(alone) as others:
        await others.happened(*(History(f"{alone.area}.1.1.{n}").acts(*TO_CLOSED) for n in range(40)))
        await eventually(archived, 40)


async def test_a_fact_that_cannot_be_read_is_parked_and_the_other_cases_go_on(alone: Evaluation) -> None:
    bad, good = (History(f"{alone.area}.1.1.1").acts(*TO_CLOSED) for _ in range(2))
    type_, data = bad.published[4]
    bad.published[4] = (type_, data.replace(b'"at":', b'"when":'))

    async def versions() -> object:
        rows = await alone.wired.pool.fetch("SELECT case_id, version FROM evaluation.cases")
        return {row["case_id"]: row["version"] for row in rows}

    async with running(alone) as others:
        await others.happened(bad, good)
        await eventually(versions, {bad.case_id: 4, good.case_id: 9})
    parked = await alone.wired.pool.fetch("SELECT sequence, error FROM evaluation.inbox_parked ORDER BY sequence")
    assert [row["sequence"] for row in parked] == [5, 6, 7, 8, 9]
    assert "'at' is missing" in parked[0]["error"]


async def test_an_apps_key_reads_the_scores_of_its_area_until_it_is_revoked(alone: Evaluation) -> None:
    key_id, key = new_key()

    async def status(area: str = alone.area) -> object:
        headers = {"authorization": f"Bearer {key}"}
        params = {"object": "region", "area": area}
        return (await alone.http.get("/evaluation/v1/scorecards", params=params, headers=headers)).status_code

    async with running(alone) as others:
        assert await status() == 401
        await others.key("issued", key_id, key, alone.area, 1)
        await eventually(status, 200)
        assert await status("elsewhere") == 403
        await others.key("revoked", key_id, key, alone.area, 2)
        await eventually(status, 401)
