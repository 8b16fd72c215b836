"""Reports become cases: in batches, once each, and as far as the pack lets the system act."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from shared.contracts import dispatch as contract
from shared.kernel.area import BadAreaPath
from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import City

MODELS = {model.TYPE: model for model in contract.FACTS}


async def test_where_the_pack_says_so_a_case_is_dispatched_when_it_opens(new_york: City) -> None:
    city = new_york
    media = [uuid7(), uuid7()]
    record = city.record(category="bridge-condition", routing_key="MN.01.10007.003", media=media)
    await city.deliver(record)
    row = await city.wired.pool.fetchrow("SELECT * FROM dispatch.cases WHERE report_id = $1", UUID(record.subject))
    assert row is not None
    case = await city.seen(row["id"], area="MN")
    assert (case["status"], case["version"], case["revision"]) == ("dispatched", 4, 4)
    assert (case["condition"], case["clock"]["stage"]) == ("reported", "handle")
    assert case["media"] == [str(each) for each in media]
    assert case["due_at"] == case["clock"]["due_at"]
    events = await city.outbox(row["id"])
    facts = [MODELS[event["type"]].model_validate_json(event["data"]) for event in events]
    assert [fact.TYPE for fact in facts] == [
        "case.opened.v1",
        "case.accepted.v1",
        "case.filed.v1",
        "case.dispatched.v1",
    ]
    assert [fact.act for fact in facts] == ["open", "auto_accept", "auto_file", "auto_dispatch"]
    assert [fact.unit for fact in facts] == [None, None, None, case["unit"]]
    assert [fact.condition for fact in facts] == [None, None, "reported", "reported"]
    assert [fact.due_at is None for fact in facts] == [True, True, True, False]
    assert isinstance(facts[3], contract.CaseDispatched)
    assert facts[3].rule
    timeline = await city.wired.pool.fetch(
        "SELECT version, actor, evidence, clock FROM dispatch.timeline WHERE case_id = $1 ORDER BY version", row["id"]
    )
    assert [item["version"] for item in timeline] == [1, 2, 3, 4]
    assert {item["actor"] for item in timeline} == {"system"}
    assert timeline[1]["clock"] == {"stage": "accept", "limit_s": 900, "used_s": 0}
    timers = await city.wired.pool.fetch("SELECT stage, step FROM dispatch.clocks WHERE case_id = $1", row["id"])
    assert [tuple(timer) for timer in timers] == [("handle", "warn")]


async def test_a_batch_opens_a_case_for_each_report_in_order(new_york: City) -> None:
    city = new_york
    records = [city.record(category="blocked-driveway", routing_key="BX.02.10455.001") for _ in range(120)]
    await city.deliver(*records)
    rows = await city.wired.pool.fetch(
        "SELECT report_id, number, id FROM dispatch.cases WHERE report_id = ANY ($1::uuid[]) ORDER BY id",
        [UUID(record.subject) for record in records],
    )
    assert [str(row["report_id"]) for row in rows] == [record.subject for record in records]
    numbers = [row["number"] for row in rows]
    assert len(set(numbers)) == 120
    assert numbers == sorted(numbers)


async def test_a_report_delivered_again_opens_no_second_case(city: City) -> None:
    first, second = city.record(), city.record()
    await city.deliver(first)
    await city.deliver(first, second, second)
    rows = await city.wired.pool.fetch(
        "SELECT id FROM dispatch.cases WHERE report_id = ANY ($1::uuid[])",
        [UUID(first.subject), UUID(second.subject)],
    )
    assert len(rows) == 2
    assert [len(await city.outbox(row["id"])) for row in rows] == [1, 1]


async def test_a_category_that_the_pack_does_not_know_waits_for_a_person(new_york: City) -> None:
    record = new_york.record(category="from-a-newer-pack", routing_key="MN.01.10007.003")
    await new_york.deliver(record)
    status = await new_york.wired.pool.fetchval(
        "SELECT status FROM dispatch.cases WHERE report_id = $1", UUID(record.subject)
    )
    assert status == "accepted"


async def test_a_record_that_is_no_report_fails_its_batch_whole(city: City) -> None:
    good = city.record()
    for wrong, error in (
        (b"{}", ValidationError),
        (good.data.replace(b"110108.012.003.017", b"110108..017"), BadAreaPath),
    ):
        bad = city.record()._replace(data=wrong)
        with pytest.raises(error):
            await city.deliver(good, bad)
    count = await city.wired.pool.fetchval(
        "SELECT count(*) FROM dispatch.cases WHERE report_id = $1", UUID(good.subject)
    )
    assert count == 0
