"""What a reporter says afterwards, as the bus hands it over: facts of the case, for the desk to see."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from shared.bus.event import Record
from shared.contracts import dispatch as contract
from shared.contracts.intake import ReportSupplemented, ReportWithdrawn
from shared.contracts.topics import REPORTS
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import GRID, City
from tests.integration.dispatch.test_joining import case_of, merged, unmerged


def said(report_id: UUID, version: int, **fields: Any) -> Record:
    common: dict[str, Any] = {"report_id": report_id, "routing_key": GRID, "at": utc_now(), "version": version}
    fact: ReportWithdrawn | ReportSupplemented
    if "reason" in fields:
        fact = ReportWithdrawn(**common, **fields)
    else:
        fact = ReportSupplemented(**common, addition_id=uuid7(), **fields)
    return Record(
        REPORTS.name, 0, version, GRID, str(uuid7()), fact.TYPE, "/wangge/intake", str(report_id), version, GRID, None,
        utc_now(), fact.model_dump_json().encode(), None,
    )  # fmt: skip


async def timeline(city: City, case_id: str) -> list[dict[str, Any]]:
    answer = await city.http.get(f"/dispatch/v1/cases/{case_id}/timeline", headers=city.headers("acceptor"))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_report_taken_back_before_anybody_acted_ends_its_case(city: City) -> None:
    report = uuid7()
    case = await city.case(report_id=report)
    await city.deliver(said(report, 2, reason="看错了"))
    assert (await city.seen(case["id"]))["status"] == "voided"
    event = (await city.outbox(case["id"]))[-1]
    fact = contract.CaseVoided.model_validate_json(event["data"])
    assert (event["type"], event["sequence"]) == ("case.voided.v1", 2)
    assert (fact.withdrawn, fact.opinion, fact.actor) == (report, "看错了", "system")
    items = await timeline(city, case["id"])
    assert [(item["version"], item["act"]) for item in items] == [(1, "open"), (2, "withdraw")]
    assert not await city.wired.pool.fetch("SELECT FROM dispatch.clocks WHERE case_id = $1", UUID(case["id"]))
    refused = await city.try_act(case, "accept", "acceptor")
    assert refused.status_code in (409, 412)


async def test_both_in_one_batch_end_it_as_well(city: City) -> None:
    record = city.record()
    report = UUID(record.subject)
    await city.deliver(record, said(report, 2, text="路口北侧"), said(report, 3, reason="看错了"))
    row = await city.wired.pool.fetchrow("SELECT id, status, version FROM dispatch.cases WHERE report_id = $1", report)
    assert row is not None
    assert (row["status"], row["version"]) == ("voided", 3)


async def test_one_that_somebody_acted_on_goes_on_with_a_note(city: City) -> None:
    case = await city.until("filed")
    report = UUID(case["reports"][0])
    await city.deliver(said(report, 2, reason="修好了", case_id=UUID(case["id"])))
    seen = await city.seen(case["id"])
    assert (seen["status"], seen["revision"], seen["version"]) == ("filed", case["revision"], case["version"] + 1)
    last = (await timeline(city, case["id"]))[-1]
    assert (last["act"], last["opinion"]) == ("note_withdrawal", "修好了")
    dispatched = await city.act(case, "dispatch", "dispatcher", {"unit": "drainage"})
    assert dispatched["status"] == "dispatched", "a note costs nobody their If-Match"


@pytest.mark.parametrize("status", ["reported", "handling", "closed"])
async def test_what_is_added_is_seen_in_the_timeline_and_in_the_case(city: City, status: str) -> None:
    case, photo = await city.until(status), uuid7()
    report = UUID(case["reports"][0])
    await city.deliver(said(report, 2, text="路口北侧", media=[photo]))
    seen = await city.seen(case["id"])
    assert (seen["status"], seen["media"]) == (status, [*case["media"], str(photo)])
    last = (await timeline(city, case["id"]))[-1]
    assert (last["act"], last["opinion"], last["evidence"]) == ("note_addition", "路口北侧", [str(photo)])
    event = (await city.outbox(case["id"]))[-1]
    assert contract.CaseNoted.model_validate_json(event["data"]).report_id == report
    assert event["sequence"] == case["version"] + 1


async def test_a_merged_report_speaks_of_the_case_that_it_belongs_to(city: City) -> None:
    lost, kept = await city.case(), await city.case()
    await city.act(lost, "merge", "acceptor", {"into": kept["id"], "opinion": "the same cover"})
    report = UUID(lost["reports"][0])
    await city.deliver(said(report, 2, reason="看错了", case_id=UUID(kept["id"])))
    seen = await city.seen(kept["id"])
    assert (seen["status"], len(seen["reports"])) == ("reported", 2)
    assert (await timeline(city, kept["id"]))[-1]["act"] == "note_withdrawal"
    assert (await city.seen(lost["id"]))["version"] == 2, "the case that it left hears nothing of it"


async def test_the_audit_chain_and_the_timeline_hold(city: City) -> None:
    case = await city.case()
    report = UUID(case["reports"][0])
    for n in range(3):
        await city.deliver(said(report, n + 2, text=f"再说一次 {n}"))
    rows = await city.outbox(case["id"])
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4]
    assert [orjson.loads(row["data"])["opinion"] for row in rows[1:]] == [f"再说一次 {n}" for n in range(3)]


async def test_a_report_without_a_case_holds_up_nobody(city: City) -> None:
    record = city.record()
    await city.deliver(said(uuid7(), 2, reason="看错了"), record)
    assert await city.wired.pool.fetchval(
        "SELECT count(*) FROM dispatch.cases WHERE report_id = $1", UUID(record.subject)
    )


async def test_the_desk_sees_where_a_report_is_from_and_its_address_in_words(city: City) -> None:
    origin = {"number": "海建移〔2026〕7号", "name": "区住建委"}
    case = await city.case(attributes={"depth_cm": 3}, address="翠微路社区 5 号楼前", approximate=True, origin=origin)
    assert case["attributes"] == {
        "address": "翠微路社区 5 号楼前",
        "approximate": True,
        "origin": origin,
        "depth_cm": 3,
    }
    own = await city.case(attributes={"address": "the app's own"}, address="翠微路社区")
    assert own["attributes"]["address"] == "the app's own"
    assert (await city.case())["attributes"] == {}


async def test_a_duplicate_speaks_of_the_case_that_it_came_to(city: City) -> None:
    """Also before its sender could know of that case, and of the one that this became."""
    first = city.record()
    _, second = merged(city, UUID(first.subject))
    report, into = UUID(second.subject), UUID(first.subject)
    await city.deliver(first, second)
    case = await case_of(city, first.subject)
    await city.deliver(
        said(report, 3, text="还在", merged_into=into), said(report, 4, reason="修好了", merged_into=into)
    )
    assert [(item["act"], item["opinion"]) for item in await timeline(city, case["id"])][-2:] == [
        ("note_addition", "还在"),
        ("note_withdrawal", "修好了"),
    ]
    assert (await city.seen(case["id"]))["status"] == "reported", "others reported it too"


async def test_a_duplicate_that_left_speaks_of_its_own_case(city: City) -> None:
    first = city.record()
    _, second = merged(city, UUID(first.subject))
    await city.deliver(first, second, unmerged(second, UUID(first.subject)))
    shared, own = await case_of(city, first.subject), await case_of(city, second.subject)
    known = {"merged_into": UUID(first.subject), "case_id": UUID(shared["id"])}  # its sender has not heard of the other
    await city.deliver(said(UUID(second.subject), 4, reason="看错了", **known))
    assert (await city.seen(own["id"]))["status"] == "voided"
    assert (await city.seen(shared["id"]))["version"] == shared["version"]
