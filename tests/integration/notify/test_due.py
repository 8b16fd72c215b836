"""Reporters are to be told: one fact for each report and occasion, of those alone who can be told."""

from typing import Any
from uuid import UUID, uuid4

import orjson

from services.notify.commands.tell_reporters import early_job, tell_reporters
from services.notify.consumers import subscriptions
from services.notify.store import due as store
from shared.bus.event import Record
from shared.contracts.notify import MessageDue
from shared.contracts.topics import CASES, MESSAGES, REPORTS
from shared.kernel.ids import tracking_code
from shared.postgres import transaction
from tests.integration.notify.conftest import Notify
from tests.integration.notify.feed import Case, report_record


def reachable(report: UUID, area: str, yes: bool = True) -> Record:
    record = report_record(area, tracking_code(), report)
    return record._replace(data=orjson.dumps({**orjson.loads(record.data), "reachable": yes}))


async def hear(notify: Notify, *records: Record) -> None:
    """As the consumer does it."""
    (facts, _) = subscriptions(notify.wired)
    async with transaction(notify.wired.pool) as tx:
        for topic in (REPORTS.name, CASES.name):
            mine = [record for record in records if record.topic == topic]
            if mine:
                await facts.topics[topic](tx, mine)


async def due(notify: Notify, report: UUID) -> list[Any]:
    return await notify.wired.pool.fetch("SELECT * FROM notify.outbox WHERE subject LIKE $1 ORDER BY id", f"{report}.%")


async def test_a_reporter_is_told_of_each_occasion_once(notify: Notify, area: str):
    report = uuid4()
    case = Case(area, reports=[report])
    await hear(notify, reachable(report, area))
    await hear(notify, *case.whole())
    rows = await due(notify, report)
    assert [row["subject"].partition(".")[2] for row in rows] == ["closed", "dispatched", "filed"]
    for row in rows:
        assert (row["topic"], row["type"], row["sequence"]) == (MESSAGES.name, "message.due.v1", 1)
        fact = MessageDue.model_validate_json(row["data"])
        assert (fact.report_id, fact.routing_key) == (report, area)
    # Dispatched again after a return, and told by a second case that the first was reopened as.
    await hear(notify, case.fact("dispatched", "dispatched"), *Case(area, reports=[report]).whole())
    assert len(await due(notify, report)) == 3


async def test_of_a_report_without_a_contact_nobody_is_told(notify: Notify, area: str):
    report = uuid4()
    await hear(notify, reachable(report, area, yes=False))
    await hear(notify, *Case(area, reports=[report]).whole())
    assert await due(notify, report) == []


async def test_a_case_that_is_declined_is_told_as_rejected(notify: Notify, area: str):
    for kind in ("declined", "filing_refused"):
        report = uuid4()
        await hear(notify, reachable(report, area), Case(area, reports=[report]).fact(kind, "rejected"))
        assert [row["subject"] for row in await due(notify, report)] == [f"{report}.rejected"]


async def test_a_case_heard_of_before_its_report_is_told_when_that_comes(notify: Notify, area: str):
    early, mute = uuid4(), uuid4()
    await hear(notify, *Case(area, reports=[early, mute]).whole())
    assert await due(notify, early) == []
    await hear(notify, reachable(early, area), reachable(mute, area, yes=False))
    assert early_job(notify.wired.pool, notify.wired.outbox).name == "messages-early"
    async with transaction(notify.wired.pool) as tx:
        told = [one for one in await store.early(tx) if one.report_id in (early, mute)]
    assert {(one.report_id, one.template) for one in told} == {
        (early, "filed"), (early, "dispatched"), (early, "closed"),
    }  # fmt: skip
    left = await notify.wired.pool.fetchval(
        "SELECT count(*) FROM notify.messages_due WHERE report_id = ANY($1::uuid[]) AND NOT published", [early, mute]
    )
    assert left == 0


async def test_a_batch_that_is_rolled_back_tells_nobody(notify: Notify, area: str):
    report = uuid4()
    await hear(notify, reachable(report, area))
    fact = Case(area, reports=[report]).fact("filed", "filed")
    connection = await notify.wired.pool.acquire()
    try:
        back = connection.transaction()
        await back.start()
        await tell_reporters(connection, notify.wired.outbox, [fact])
        await back.rollback()
    finally:
        await notify.wired.pool.release(connection)
    assert await due(notify, report) == []
    await hear(notify, fact)
    assert len(await due(notify, report)) == 1
