"""The acts beside the straight way, over HTTP and on a real database."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from services.dispatch.api.shapes import CaseShape
from services.dispatch.app import create_app
from services.dispatch.commands.mark_due import mark_due
from services.dispatch.consumers import subscriptions
from services.dispatch.wiring import InForce
from shared.bus.event import Record
from shared.contracts.intake import AreaDefined
from shared.contracts.topics import AREAS
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.dispatch.conftest import ON_THE_SPOT, City
from tests.integration.dispatch.passing import let_pass

WHY = {"opinion": "as seen on the photographs"}


async def asked(city: City, act: str, body: dict[str, Any], status: str = "handling") -> dict[str, Any]:
    return await city.act(await city.until(status), act, "unit_clerk", body)


async def last(city: City, case: dict[str, Any]) -> dict[str, Any]:
    """The data of the case's newest event."""
    event: dict[str, Any] = orjson.loads((await city.outbox(case["id"]))[-1]["data"])
    return event


async def test_a_return_is_asked_for_approved_and_dispatched_again(city: City) -> None:
    case = await asked(city, "request_return", {"reason": "not our pipe"})
    CaseShape.model_validate(case)
    assert (case["status"], case["request"]["kind"], case["request"]["reason"]) == (
        "handling",
        "return",
        "not our pipe",
    )
    case = await city.act(case, "approve_return", "dispatcher", {"our_error": True})
    assert (case["status"], case["unit"], case["request"]) == ("filed", None, None)
    assert (await last(city, case))["our_error"] is True
    case = await city.act(case, "dispatch", "dispatcher", {"unit": "power"})
    assert case["unit"] == "power"


async def test_an_extension_moves_the_deadline_and_a_suspension_stops_the_clock(city: City) -> None:
    case = await asked(city, "request_extension", {"reason": "parts are late"})
    before = case["due_at"]
    case = await city.act(case, "approve_extension", "dispatcher")
    assert case["due_at"] > before
    assert case["extensions"] == 1
    until = (utc_now() + timedelta(days=30)).isoformat()
    case = await city.act(case, "request_suspension", "unit_clerk", {"reason": "frozen ground", "until": until})
    case = await city.act(case, "approve_suspension", "command_leader")
    assert (case["status"], case["clock"]) == ("suspended", None)
    await let_pass(city, case, timedelta(days=31))
    while await mark_due(city.wired):
        pass
    case = await city.seen(case["id"])
    assert (case["status"], case["suspended_until"], case["clock"]["stage"]) == ("handling", None, "handle")
    assert [(await last(city, case))[name] for name in ("act", "by_date")] == ["resume_on_date", True]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reason": "r"}, "/until"),
        ({"reason": "r", "until": "tomorrow"}, "/until"),
        ({"until": "2027-01-01"}, "/reason"),
    ],
)
async def test_what_a_request_needs(city: City, body: dict[str, Any], pointer: str) -> None:
    case = await city.until("handling")
    answer = await city.try_act(case, "request_suspension", "unit_clerk", body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_urging_assisting_and_whistle_run_out_once_each(city: City) -> None:
    case = await city.until("handling")
    hour = {"amount": 1, "unit": "urgent_hour"}
    case = await city.act(case, "urge", "command_leader", {**WHY, "limit": hour})
    parts = [{"unit": "power", "task": "cut the current", "limit": hour}]
    case = await city.act(case, "coordinate", "dispatcher", {"parts": parts, "meeting_at": utc_now().isoformat()})
    case = await city.act(case, "summon", "dispatcher", {"parts": [{"unit": "gas"}]})
    CaseShape.model_validate(case)
    assert [(part["kind"], part["unit"]) for part in case["parts"]] == [("assist", "power"), ("summons", "gas")]
    await let_pass(city, case, timedelta(hours=3))
    while await mark_due(city.wired):
        pass
    told = [orjson.loads(event["data"]) for event in await city.outbox(case["id"])]
    assert [each["what"] for each in told if each["act"] == "mark_unanswered"] == [
        "urging:1", "assist:power", "summons:gas"
    ]  # fmt: skip
    case = await city.seen(case["id"], "unit_clerk", unit="gas")
    case = await city.act(case, "answer_summons", "unit_clerk", WHY, unit="gas")
    case = await city.act(case, "report_part", "unit_clerk", {"result": "cut"}, unit="power")
    assert (await last(city, case))["in_time"] is False


async def test_a_merge_hands_the_reports_over_in_the_same_transaction(city: City) -> None:
    survivor, case = await city.until("filed"), await city.case()
    merged = await city.act(case, "merge", "acceptor", {"into": survivor["id"]})
    assert (merged["status"], merged["merged_into"]) == ("voided", survivor["id"])
    after = await city.seen(survivor["id"])
    assert after["reports"] == survivor["reports"] + case["reports"]
    assert (after["revision"], after["version"]) == (survivor["revision"], survivor["version"] + 1)
    assert (await last(city, after))["new_reports"] == case["reports"]


async def test_two_cases_merged_into_one_another_at_once_end_in_one(city: City) -> None:
    for _ in range(5):
        one, other = await city.case(), await city.case()
        answers = await asyncio.gather(
            city.try_act(one, "merge", "acceptor", {"into": other["id"]}),
            city.try_act(other, "merge", "acceptor", {"into": one["id"]}),
        )
        assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 422])
        statuses = {(await city.seen(case["id"]))["status"] for case in (one, other)}
        assert statuses == {"reported", "voided"}


async def test_a_case_outside_ones_area_cannot_be_merged_into(city: City) -> None:
    elsewhere, case = await city.case(routing_key="110108.013.001.001"), await city.case()
    answer = await city.try_act(case, "merge", "acceptor", {"into": elsewhere["id"]}, area="110108.012")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/cannot-merge")
    assert elsewhere["number"] not in answer.text


async def test_a_closed_case_is_reopened_as_a_new_one(city: City) -> None:
    closed = await city.until("closed")
    closed = await city.act(closed, "reopen", "acceptor", {"opinion": "it is broken again"})
    assert closed["status"] == "closed"
    new = await city.seen(closed["reopened_as"])
    assert (new["status"], new["reopened_from"], new["reports"]) == ("reported", closed["id"], closed["reports"])
    assert new["number"] != closed["number"]
    assert (await last(city, new))["reopened_from"] == closed["id"]
    assert [timer["stage"] for timer in await timers(city, new)] == ["accept"]
    # The report that comes again has its case, and the reopened case is walked to its end like any other.
    await city.deliver(city.record(UUID(closed["reports"][0])))
    assert (await city.act(new, "accept", "acceptor"))["status"] == "accepted"


async def timers(city: City, case: dict[str, Any]) -> list[dict[str, Any]]:
    found = await city.wired.pool.fetch("SELECT * FROM dispatch.clocks WHERE case_id = $1", UUID(case["id"]))
    return [dict(row) for row in found]


async def define(city: City, path: str) -> None:
    fact = AreaDefined(path=path, name=path, level="grid", parent=None, version=1)
    record = Record(
        AREAS.name, 0, 1, path, str(uuid7()), AreaDefined.TYPE, "/wangge/intake", path, 1, path, None, utc_now(),
        fact.model_dump_json().encode(), None,
    )  # fmt: skip
    found = next(each for each in subscriptions(city.wired) if AREAS.name in each.topics)
    async with transaction(city.wired.pool) as tx:
        await found.topics[AREAS.name](tx, [record])


async def test_a_case_moves_to_an_area_that_there_is(city: City) -> None:
    case = await city.case()
    answer = await city.try_act(case, "correct", "acceptor", {"area": "110108.099.001.001"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-area")
    await define(city, "110108.014.001.001")
    case = await city.act(case, "correct", "acceptor", {"area": "110108.014.001.001", "category": "01001"})
    assert (case["routing_key"], case["category"]) == ("110108.014.001.001", "01001")
    [event] = [each for each in await city.outbox(case["id"]) if each["type"] == "case.corrected.v1"]
    assert (event["routing_key"], event["routing_key_from"]) == ("110108.014.001.001", "110108.012.003.017")
    found = await city.http.get("/dispatch/v1/cases?area=110108.014", headers=city.headers("acceptor"))
    assert case["id"] in [item["id"] for item in found.json()["items"]]


async def test_of_two_who_press_at_once_one_wins_and_the_other_is_told_who_and_what(city: City) -> None:
    case = await city.until("filed")
    answers = await asyncio.gather(
        city.try_act(case, "dispatch", "dispatcher", {"unit": "power"}, subject="zhang"),
        city.try_act(case, "dispatch", "dispatcher", {"unit": "gas"}, subject="li"),
    )
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 412)
    winner = "zhang" if won.json()["unit"] == "power" else "li"
    problem = lost.json()
    assert [(each["actor"], each["act"]) for each in problem["since"]] == [(winner, "dispatch")]
    assert f"{winner} (dispatcher 派遣员) did dispatch 派遣" in problem["detail"]
    assert problem["case"]["unit"] == won.json()["unit"]


async def appealed(city: City) -> dict[str, Any]:
    case = await city.until("handling")
    await let_pass(city, case, timedelta(days=60))
    for act, post, body in (
        ("report_handled", "unit_clerk", {"result": "done"}),
        ("request_check", "acceptor", {}),
        ("answer_check", "supervisor", {"passed": True, **ON_THE_SPOT}),
        ("close", "shift_leader", {}),
        ("appeal", "unit_clerk", {"reason": "the road was closed by others"}),
    ):
        case = await city.act(await city.seen(case["id"]), act, post, body)
    return case


async def test_an_appeal_goes_through_both_centres(city: City) -> None:
    case = await appealed(city)
    assert case["overdue"] is True
    early = await city.try_act(case, "decide_appeal", "acceptor", {"approved": True, **WHY})
    assert (early.status_code, early.json()["type"]) == (409, "/problems/no-appeal")
    case = await city.act(case, "review_appeal", "dispatcher", {"recommended": True, **WHY})
    case = await city.act(case, "decide_appeal", "acceptor", {"approved": True, **WHY})
    assert (case["overdue"], case["exempt"], case["appeal"]["approved"]) == (True, True, True)
    again = await city.try_act(case, "appeal", "unit_clerk", {"reason": "once more"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/appealed-before")


async def test_a_telephone_without_a_network_answers_by_its_task(city: City) -> None:
    case = await city.until("checking")
    path = f"/dispatch/v1/cases/{case['id']}/answer_check"
    key = {"Idempotency-Key": f"phone-{uuid7()}"}

    answer = {"passed": True, "task": str(uuid7()), **ON_THE_SPOT}
    stale = await city.http.post(path, headers=city.headers("supervisor"), json=answer)
    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/task-stale")
    body = answer | {"task": case["task"], "answered_at": utc_now().isoformat()}
    first = await city.http.post(path, headers=city.headers("supervisor") | key, json=body)
    again = await city.http.post(path, headers=city.headers("supervisor") | key, json=body)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    without = await city.http.post(path, headers=city.headers("supervisor"), json={"passed": True})
    assert without.status_code == 428


async def test_handled_on_the_spot_is_closed_at_once(city: City) -> None:
    case = await city.case()
    bare = await city.try_act(case, "self_handle", "grid_worker", {"result": "swept"})
    assert (bare.status_code, bare.json()["errors"][0]["pointer"]) == (422, "/evidence")
    case = await city.act(case, "self_handle", "grid_worker", {"result": "swept", **ON_THE_SPOT})
    assert (case["status"], case["clock"]) == ("closed", None)
    case = await city.act(case, "spot_check", "supervisor", {"passed": False, **ON_THE_SPOT})
    assert case["acts"] == []


async def test_one_desk_files_in_one_act_and_two_facts(city: City) -> None:
    wired = replace(city.wired, in_force=InForce(replace(city.wired.rules, single_desk=True), 1))
    app = Starlette(routes=[Mount("/dispatch", create_app(wired))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://city") as http:
        desk = City(wired, http)
        case = await desk.act(await desk.case(), "file", "acceptor", {"condition": "damaged"})
    assert (case["status"], case["revision"]) == ("filed", 3)
    assert [each["type"] for each in await city.outbox(case["id"])][-2:] == ["case.accepted.v1", "case.filed.v1"]
