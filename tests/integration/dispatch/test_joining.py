"""Duplicate reports come to the case of the first, go from it, or open one where that has ended."""

from typing import Any
from uuid import UUID

import orjson

from shared.bus.event import Record
from shared.contracts.intake import ReportMerged, ReportUnmerged
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import City

PHOTO = "0198f2c4-7d31-7c2a-9b5e-4f6a1d2c3b4b"


def merged(city: City, into: UUID, **fields: Any) -> tuple[Record, Record]:
    """A report that joined another one: its receipt and its merge."""
    received = city.record(merged_into=into, **fields)
    fact = orjson.loads(received.data) | {"distance_m": 3.0}
    second = received._replace(type=ReportMerged.TYPE, sequence=2, data=orjson.dumps(fact), id=str(uuid7()))
    return received, second


def unmerged(record: Record, into: UUID) -> Record:
    fact = orjson.loads(record.data) | {"unmerged_from": str(into), "at": utc_now().isoformat()}
    return record._replace(type=ReportUnmerged.TYPE, sequence=3, data=orjson.dumps(fact), id=str(uuid7()))


async def case_of(city: City, report: str) -> Any:
    found = await city.wired.pool.fetchval("SELECT id FROM dispatch.cases WHERE report_id = $1::text::uuid", report)
    return None if found is None else await city.seen(found)


async def test_a_duplicate_shares_the_case_and_makes_none(city: City) -> None:
    first = city.record()
    received, second = merged(city, UUID(first.subject), media=[PHOTO])
    await city.deliver(first, received, second)
    case = await case_of(city, first.subject)
    assert case["reports"] == [first.subject, second.subject]
    assert (case["version"], case["revision"], case["media"]) == (2, 1, [PHOTO])
    assert await case_of(city, second.subject) is None
    (_, added) = await city.outbox(case["id"])
    assert (added["type"], orjson.loads(added["data"])["new_reports"]) == ("case.report_added.v1", [second.subject])


async def test_many_in_one_batch_are_one_fact_and_raise_the_priority(city: City) -> None:
    first = city.record()
    await city.deliver(first)
    assert (await case_of(city, first.subject))["priority"] == "normal"
    more = [merged(city, UUID(first.subject)) for _ in range(9)]
    await city.deliver(*(record for pair in more[:2] for record in pair))
    assert (await case_of(city, first.subject))["priority"] == "raised"
    await city.deliver(*(record for pair in more[2:] for record in pair))
    case = await case_of(city, first.subject)
    assert (len(case["reports"]), case["version"], case["priority"]) == (10, 3, "high")
    await city.deliver(*more[0])  # delivered again, it changes nothing
    assert (await case_of(city, first.subject))["version"] == 3


async def test_where_the_case_has_ended_the_matter_is_there_again(city: City) -> None:
    closed = await city.until("closed")
    first = UUID(closed["reports"][0])
    _, second = merged(city, first)
    await city.deliver(second)
    case = await case_of(city, second.subject)
    assert case["reports"] == [second.subject]
    (opened, *_) = await city.outbox(case["id"])
    assert orjson.loads(opened["data"])["apart_from"] == str(first)
    assert (await city.seen(closed["id"]))["reports"] == closed["reports"]


async def test_it_follows_a_case_that_was_merged_into_another(city: City) -> None:
    gone, stays = await city.case(), await city.case()
    await city.act(gone, "merge", "acceptor", {"into": stays["id"], "opinion": "the same"})
    _, second = merged(city, UUID(gone["reports"][0]))
    await city.deliver(second)
    assert second.subject in (await city.seen(stays["id"]))["reports"]


async def test_an_unmerged_report_gets_a_case_of_its_own(city: City) -> None:
    first = city.record()
    _, second = merged(city, UUID(first.subject))
    _, third = merged(city, UUID(first.subject))
    await city.deliver(first, second, third)
    apart = unmerged(second, UUID(first.subject))
    await city.deliver(apart)
    await city.deliver(apart)
    case, own = await case_of(city, first.subject), await case_of(city, second.subject)
    assert case["reports"] == [first.subject, third.subject]
    assert own["reports"] == [second.subject]
    assert [event["type"] for event in await city.outbox(case["id"])][-1] == "case.report_removed.v1"


async def test_all_of_it_in_one_batch(city: City) -> None:
    first = city.record()
    received, second = merged(city, UUID(first.subject))
    apart = unmerged(second, UUID(first.subject))
    _, third = merged(city, UUID(second.subject))
    await city.deliver(first, received, second, apart, third)
    assert (await case_of(city, first.subject))["reports"] == [first.subject]
    assert (await case_of(city, second.subject))["reports"] == [second.subject, third.subject]
