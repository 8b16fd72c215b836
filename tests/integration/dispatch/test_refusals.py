"""Bad input and wrong hands: each a refusal that says what is wrong, and a case left as it was."""

import json
from typing import Any

import pytest

from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import ON_THE_SPOT, City

OPINION = {"opinion": "because"}
PASSED: dict[str, Any] = {"passed": True, **ON_THE_SPOT}
CHECK = ("answer_check", "supervisor")


async def refused(city: City, case: dict[str, Any], answer: Any, status: int, slug: str) -> dict[str, Any]:
    """The problem, after making sure that it is one and that nothing was changed."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"/problems/{slug}"
    assert problem["status"] == status
    assert problem["detail"]
    now = await city.seen(case["id"])
    assert (now["status"], now["version"], now["revision"]) == (case["status"], case["version"], case["revision"])
    return problem  # type: ignore[no-any-return]


async def test_no_or_bad_credentials(city: City) -> None:
    case = await city.case()
    path = f"/dispatch/v1/cases/{case['id']}/accept"
    await refused(city, case, await city.http.post(path, json={}), 401, "not-signed-in")
    headers = {"Authorization": "Bearer eyJ.no.no"}
    await refused(city, case, await city.http.post(path, json={}, headers=headers), 401, "bad-token")


@pytest.mark.parametrize(
    ("status", "act", "post", "body", "slug"),
    [
        ("reported", "accept", "dispatcher", {}, "wrong-centre"),
        ("accepted", "file", "acceptor", {"condition": "damaged"}, "wrong-post"),
        ("accepted", "file", "acceptor", {}, "wrong-post"),  # the post comes before the body
        ("filed", "dispatch", "shift_leader", {"unit": "drainage"}, "wrong-centre"),
        ("checking", "answer_check", "unit_clerk", {"passed": True}, "wrong-centre"),
        ("checked", "close", "command_leader", {}, "wrong-centre"),
        ("checked", "order_rework", "dispatcher", OPINION, "wrong-centre"),
        ("reported", "accept", "auditor", {}, "action-not-allowed"),
    ],
)
async def test_an_act_by_the_wrong_hands(
    city: City, status: str, act: str, post: str, body: dict[str, Any], slug: str
) -> None:
    case = await city.until(status)
    await refused(city, case, await city.try_act(case, act, post, body), 403, slug)


async def test_another_units_clerk_neither_takes_nor_sees_it(city: City) -> None:
    case = await city.until("dispatched")
    await refused(city, case, await city.try_act(case, "take", "unit_clerk", unit="water"), 403, "not-this-unit")
    headers = city.headers("unit_clerk", unit="water")
    assert (await city.http.get(f"/dispatch/v1/cases/{case['id']}", headers=headers)).status_code == 404
    assert (await city.http.get(f"/dispatch/v1/cases/{case['id']}/timeline", headers=headers)).status_code == 404
    stale = await city.try_act(case, "take", "unit_clerk", unit="water", revision=1)
    await refused(city, case, stale, 404, "case-not-found")


async def test_whoever_handled_does_not_check(city: City) -> None:
    case = await city.until("checking")
    answer = await city.try_act(case, "answer_check", "supervisor", PASSED, subject="unit_clerk-1")
    await refused(city, case, answer, 403, "own-work")
    answer = await city.try_act(case, "answer_check", "supervisor", PASSED, unit="drainage")
    await refused(city, case, answer, 403, "own-work")


async def test_a_case_outside_ones_area_does_not_exist(city: City) -> None:
    case = await city.case()
    for area in ("110108.013", "110108.01"):
        await refused(city, case, await city.try_act(case, "accept", "acceptor", area=area), 404, "case-not-found")
        headers = city.headers("acceptor", area=area)
        for path in ("", "/timeline"):
            answer = await city.http.get(f"/dispatch/v1/cases/{case['id']}{path}", headers=headers)
            assert answer.status_code == 404
        # Not even whether an If-Match would have been right.
        answer = await city.http.post(f"/dispatch/v1/cases/{case['id']}/accept", headers=headers, json={})
        assert answer.status_code == 404
    nowhere = await city.http.get(f"/dispatch/v1/cases/{uuid7()}", headers=city.headers("acceptor"))
    assert nowhere.json()["type"] == "/problems/case-not-found"


async def test_an_act_out_of_order(city: City) -> None:
    case = await city.until("filed")
    problem = await refused(city, case, await city.try_act(case, "close", "shift_leader"), 409, "act-not-possible-now")
    assert (problem["possible_from"], problem["case_status"], problem["acts"]) == (
        ["checked"],
        "filed",
        ["correct", "void", "force_close", "merge"],
    )
    closed = await city.until("closed")
    for act, post, body in (("accept", "acceptor", {}), ("order_rework", "shift_leader", OPINION)):
        await refused(city, closed, await city.try_act(closed, act, post, body), 409, "act-not-possible-now")


async def test_closing_on_a_failed_check(city: City) -> None:
    case = await city.act(await city.until("checking"), "answer_check", "supervisor", PASSED | {"passed": False})
    await refused(city, case, await city.try_act(case, "close", "shift_leader"), 409, "check-not-passed")


async def test_the_revision_is_asked_for(city: City) -> None:
    case = await city.until("accepted")
    path = f"/dispatch/v1/cases/{case['id']}/refuse_filing"
    headers = city.headers("shift_leader")
    await refused(city, case, await city.http.post(path, json=OPINION, headers=headers), 428, "if-match-required")
    for value in ("2", "*", '"2', '"2", "3"'):
        answer = await city.http.post(path, json=OPINION, headers=headers | {"If-Match": value})
        await refused(city, case, answer, 422, "bad-if-match")
    for value in ('"two"', '"99999999999999"', '""'):
        answer = await city.http.post(path, json=OPINION, headers=headers | {"If-Match": value})
        await refused(city, case, answer, 412, "case-changed")


async def test_a_stale_revision_is_answered_with_the_case_as_it_is(city: City) -> None:
    case = await city.until("accepted")
    answer = await city.try_act(case, "refuse_filing", "shift_leader", OPINION, revision=1)
    problem = await refused(city, case, answer, 412, "case-changed")
    assert problem["case"]["revision"] == 2
    assert problem["case"]["acts"][:2] == ["file", "refuse_filing"]
    assert [(each["act"], each["actor"]) for each in problem["since"]] == [("accept", "acceptor-1")]
    assert "acceptor-1 (acceptor 受理员) did accept 受理" in problem["detail"]
    assert answer.headers["etag"] == '"2"'


@pytest.mark.parametrize("act", ["resume_on_date", "auto_accept", "open", "mark_overdue", "%E4%BB%96", "set_status"])
async def test_an_unknown_act(city: City, act: str) -> None:
    case = await city.case()
    problem = await refused(city, case, await city.try_act(case, act, "acceptor"), 404, "unknown-act")
    assert "accept" in problem["acts"]


@pytest.mark.parametrize(
    ("status", "act", "post", "body", "pointer"),
    [
        ("reported", "accept", "acceptor", {"opinon": "misspelt"}, "/opinon"),
        ("reported", "accept", "acceptor", {"opinion": 7}, "/opinion"),
        ("reported", "accept", "acceptor", {"opinion": "a\x00b"}, "/opinion"),
        ("reported", "accept", "acceptor", {"opinion": "x" * 2001}, "/opinion"),
        ("reported", "accept", "acceptor", {"evidence": ["one"]}, "/evidence/0"),
        ("reported", "accept", "acceptor", {"evidence": [str(uuid7()) for _ in range(21)]}, "/evidence"),
        ("reported", "accept", "acceptor", ["not", "an", "object"], "/"),
        ("reported", "request_verification", "acceptor", {"assignee": "a\x00"}, "/assignee"),
        ("accepted", "file", "shift_leader", {}, "/condition"),
        ("accepted", "file", "shift_leader", {"condition": "no_such"}, "/condition"),
        ("accepted", "file", "shift_leader", {"condition": ["damaged"]}, "/condition"),
        ("filed", "dispatch", "dispatcher", {}, "/unit"),
        ("filed", "dispatch", "dispatcher", {"unit": "no-such"}, "/unit"),
        ("filed", "dispatch", "dispatcher", {"unit": "a\x00"}, "/unit"),
        ("filed", "dispatch", "dispatcher", {"unit": "water", "assisting": ["water"]}, "/assisting/0"),
        ("filed", "dispatch", "dispatcher", {"unit": "water", "assisting": ["a\x00"]}, "/assisting/0"),
        ("handling", "report_handled", "unit_clerk", {}, "/result"),
        ("handling", "report_handled", "unit_clerk", {"result": ""}, "/result"),
        ("handling", "report_handled", "unit_clerk", {"result": "   "}, "/result"),
        ("verifying", "answer_verification", "supervisor", {"outcome": "maybe"}, "/outcome"),
        ("checking", *CHECK, {}, "/passed"),
        ("checking", *CHECK, {"passed": "yes"}, "/passed"),
        ("checking", *CHECK, {"passed": 1}, "/passed"),
        ("checking", *CHECK, {"passed": True, "evidence": ON_THE_SPOT["evidence"]}, "/location"),
        ("checking", *CHECK, {"passed": True, "location": ON_THE_SPOT["location"]}, "/evidence"),
        ("checking", *CHECK, PASSED | {"evidence": []}, "/evidence"),
        ("checking", *CHECK, PASSED | {"location": {"lon": 181, "lat": 0}}, "/location/lon"),
        ("checking", *CHECK, PASSED | {"location": {"lon": 116.3}}, "/location/lat"),
        ("checking", *CHECK, PASSED | {"location": {"lon": 117, "lat": 39.9}}, "/location"),
        ("checking", *CHECK, PASSED | {"answered_at": "2026-11-23T10:00:00"}, "/answered_at"),
        ("checking", *CHECK, PASSED | {"answered_at": "2999-01-01T00:00:00Z"}, "/answered_at"),
    ],
)  # fmt: skip
async def test_input_that_an_act_cannot_take(
    city: City, status: str, act: str, post: str, body: Any, pointer: str
) -> None:
    if status == "verifying":
        case = await city.act(await city.case(), "request_verification", "acceptor")
    else:
        case = await city.until(status)
    answer = await city.try_act(case, act, post, body)
    problem = await refused(city, case, answer, 422, answer.json()["type"].removeprefix("/problems/"))
    assert pointer in [error["pointer"] for error in problem["errors"]], problem


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"opinion": NaN}', 422),
        (json.dumps({"opinion": "x" * 10_000_000}).encode(), 413),
    ],
)
async def test_bodies_that_are_none(city: City, content: bytes, status: int) -> None:
    case = await city.case()
    headers = city.headers("acceptor") | {"If-Match": '"1"', "Content-Type": "application/json"}
    answer = await city.http.post(f"/dispatch/v1/cases/{case['id']}/accept", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await city.seen(case["id"]))["version"] == 1


async def test_an_act_needs_no_body_where_it_needs_no_field(city: City) -> None:
    case = await city.case()
    headers = city.headers("acceptor") | {"If-Match": '"1"'}
    answer = await city.http.post(f"/dispatch/v1/cases/{case['id']}/accept", headers=headers)
    assert answer.status_code == 200, answer.text


async def test_a_lone_surrogate_is_refused(city: City) -> None:
    case = await city.case()
    headers = city.headers("acceptor") | {"If-Match": '"1"', "Content-Type": "application/json"}
    content = b'{"opinion": "\\ud800"}'
    answer = await city.http.post(f"/dispatch/v1/cases/{case['id']}/accept", content=content, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("area=a..b", "?area"),
        ("area=%00", "?area"),
        ("status=open", "?status.0"),
        ("overdue=perhaps", "?overdue"),
        ("limit=0", "?limit"),
        ("limit=501", "?limit"),
        ("cursor=nonsense", "?cursor"),
        ("cursor=WzFd", "?cursor"),
        ("cursor=WyJ4Il0", "?cursor"),
        ("unit=%00", "?unit"),
    ],
)
async def test_queries_that_make_no_sense(city: City, query: str, pointer: str) -> None:
    answer = await city.http.get(f"/dispatch/v1/cases?{query}", headers=city.headers("acceptor"))
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_cursors_of_other_lists_are_refused(city: City) -> None:
    case = await city.case()
    for path in ("tasks?cursor=WzFd", "units?cursor=WzFd", f"cases/{case['id']}/timeline?cursor=WyJ4Il0"):
        answer = await city.http.get(f"/dispatch/v1/{path}", headers=city.headers("acceptor"))
        assert answer.status_code == 422, path
        assert answer.json()["type"] == "/problems/bad-cursor"
