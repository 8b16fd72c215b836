"""A case from its report to its closing, act by act, as its clients see it."""

import asyncio
from uuid import UUID

from services.dispatch.api.shapes import CaseShape, TaskShape, TimelineItem
from services.dispatch.outgoing import TYPES
from shared.contracts import dispatch as contract
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import GRID, ON_THE_SPOT, PATH, City

MODELS = {model.TYPE: model for model in contract.FACTS}


async def test_a_case_walks_the_straight_path_to_closed(city: City) -> None:
    case = await city.case()
    assert (case["status"], case["version"], case["revision"]) == ("reported", 1, 1)
    assert case["number"].startswith(city.wired.pack.number_prefix)
    assert case["clock"]["stage"] == "accept"
    assert case["acts"] == ["accept", "decline", "request_verification", "correct", "merge"]
    for act, post, body in PATH:
        case = await city.act(case, act, post, body)
        CaseShape.model_validate(case)
    assert (case["status"], case["version"], case["revision"], case["passed"]) == ("closed", 9, 9, True)
    assert (case["acts"], case["clock"], case["overdue"]) == (["reopen"], None, False)

    items = (await city.http.get(f"/dispatch/v1/cases/{case['id']}/timeline", headers=city.headers("auditor"))).json()[
        "items"
    ]
    assert [item["version"] for item in items] == list(range(1, 10))
    assert [item["act"] for item in items] == ["open", *(act for act, _, _ in PATH)]
    assert [item["to"] for item in items] == [*[item["from"] for item in items][1:], "closed"]
    assert items[0]["from"] is None
    assert (items[4]["actor"], items[4]["centre"], items[4]["post"]) == ("unit_clerk-1", "unit", "unit_clerk")
    for item in items:
        TimelineItem.model_validate(item)


async def test_every_fact_is_an_event_of_its_contract(city: City) -> None:
    case = await city.case(attributes={"lamp": "7"}, media=[uuid7()])
    walk = [
        ("request_verification", "acceptor", {"assignee": "grid_worker-1"}),
        ("answer_verification", "grid_worker", {"outcome": True, **ON_THE_SPOT}),
        *PATH[:5],
        ("order_rework", "dispatcher", {"opinion": "the photograph shows another place"}),
        ("report_handled", "unit_clerk", {"result": "done again", "evidence": [str(uuid7())]}),
        ("request_check", "acceptor", {}),
        ("answer_check", "supervisor", {"passed": False, "answered_at": utc_now().isoformat(), **ON_THE_SPOT}),
        ("order_rework", "shift_leader", {"opinion": "not done"}),
        *PATH[4:],
    ]
    for act, post, body in walk:
        case = await city.act(case, act, post, body)
    events = await city.outbox(case["id"])
    assert [event["sequence"] for event in events] == list(range(1, case["version"] + 1))
    for event in events:
        fact = MODELS[event["type"]].model_validate_json(event["data"], strict=False)
        assert (fact.case_id, fact.version) == (UUID(case["id"]), event["sequence"])
        assert (event["key"], event["routing_key"], event["subject"]) == (GRID, GRID, case["id"])
        assert TYPES[fact.act] == event["type"]  # type: ignore[index]
    kinds = [event["type"] for event in events]
    assert kinds[:5] == [
        "case.opened.v1",
        "case.verification_requested.v1",
        "case.verified.v1",
        "case.accepted.v1",
        "case.filed.v1",
    ]
    reworks = [contract.CaseReworkOrdered.model_validate_json(e["data"]) for e in events if "rework" in e["type"]]
    assert [fact.after_check for fact in reworks] == [False, True]
    verified = contract.CaseVerified.model_validate_json(events[2]["data"])
    assert (verified.outcome, verified.location and verified.location.lon) == ("true", 116.3)


async def test_a_declined_and_an_unfiled_case_are_rejected(city: City) -> None:
    declined = await city.act(await city.case(), "decline", "acceptor", {"opinion": "已有相同案卷"})
    unfiled = await city.until("accepted")
    unfiled = await city.act(unfiled, "refuse_filing", "shift_leader", {"opinion": "out of scope"})
    for case, kind in ((declined, "case.declined.v1"), (unfiled, "case.filing_refused.v1")):
        assert (case["status"], case["acts"], case["clock"]) == ("rejected", [], None)
        assert (await city.outbox(case["id"]))[-1]["type"] == kind
        rows = await city.wired.pool.fetch("SELECT * FROM dispatch.clocks WHERE case_id = $1", UUID(case["id"]))
        assert rows == []


async def test_a_check_is_a_task_for_those_on_the_spot(city: City) -> None:
    area = f"110108.012.{uuid7().hex[-8:]}"
    case = await city.case(routing_key=f"{area}.001")
    case = await city.act(case, "request_verification", "acceptor", {"assignee": "grid_worker-1"})
    headers = city.headers("grid_worker", area=area)
    [task] = (await city.http.get("/dispatch/v1/tasks", headers=headers)).json()["items"]
    TaskShape.model_validate(task)
    assert (task["kind"], task["case"], task["assignee"]) == ("verification", case["id"], "grid_worker-1")
    assert task["due_at"] == case["clock"]["due_at"]
    assert task["location"] == {"lon": 116.3, "lat": 39.9}
    case = await city.act(case, "answer_verification", "grid_worker", {"outcome": "not_found", **ON_THE_SPOT})
    assert case["verified"] == "not_found"
    assert (await city.http.get("/dispatch/v1/tasks", headers=headers)).json()["items"] == []
    for act, post, body in PATH[:6]:
        case = await city.act(case, act, post, body)
    [check] = (await city.http.get("/dispatch/v1/tasks?kind=check", headers=headers)).json()["items"]
    assert check["id"] != task["id"]
    assert (await city.http.get("/dispatch/v1/tasks?kind=verification", headers=headers)).json()["items"] == []


async def test_two_acts_at_once_leave_one_done_and_one_refused(city: City) -> None:
    case = await city.case()
    answers = await asyncio.gather(
        *(city.try_act(case, act, "acceptor", {"opinion": "x"}) for act in ("accept", "decline") * 3)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    assert (await city.seen(case["id"]))["version"] == 2
