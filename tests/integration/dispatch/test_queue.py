"""The queue: what waits for whom, the most urgent first."""

from typing import Any

import pytest

from services.dispatch.domain.case import Post
from services.dispatch.domain.queues import CARRY_ON
from services.dispatch.store.queue import COUNTED_TO
from tests.integration.dispatch.conftest import PATH, City, street
from tests.integration.dispatch.test_doors import app_of


async def queue(city: City, where: str, post: str, query: str = "", **more: Any) -> dict[str, Any]:
    answer = await city.http.get(f"/dispatch/v1/queue?area={where}{query}", headers=city.headers(post, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def waiting(city: City, where: str, post: str, query: str = "", **more: Any) -> list[str]:
    return [item["id"] for item in (await queue(city, where, post, query, **more))["items"]]


async def brought_to(city: City, where: str, status: str, unit: str = "drainage") -> dict[str, Any]:
    case = await city.case(routing_key=f"{where}.1")
    for act, post, body in PATH:
        if case["status"] == status:
            break
        body = {"unit": unit} if act == "dispatch" else body
        more = {"unit": unit} if post == "unit_clerk" else {}
        case = await city.act(case, act, post, body, **more)
    return case


async def test_a_case_waits_along_its_path_for_whoever_has_the_next_act(city: City) -> None:
    area = street()
    case = await city.case(routing_key=f"{area}.1")
    desks = [post.value for post in Post if post is not Post.SYSTEM]
    for act, post, body in PATH:
        for each in desks:
            page = await queue(city, area, each)
            found = {item["id"]: item for item in page["items"]}
            seen = await city.http.get(f"/dispatch/v1/cases/{case['id']}", headers=city.headers(each))
            carries_on = CARRY_ON & set(seen.json().get("acts", ()))
            assert (case["id"] in found) == bool(carries_on or _waits(case, each)), each
            if case["id"] in found:
                assert found[case["id"]]["reasons"] == [case["status"]]
                assert page["counts"][case["status"]] == 1
        assert case["id"] in await waiting(city, area, post), act
        case = await city.act(case, act, post, body)
    for each in desks:
        assert await waiting(city, area, each) == []


def _waits(case: dict[str, Any], post: str) -> bool:
    # A guard keeps the leader from closing what was not passed, and the rest of the desk orders rework.
    return case["status"] == "checked" and post in ("acceptor", "shift_leader")


async def test_requests_urgings_and_parts_wait_for_those_who_answer_them(city: City) -> None:
    area = street()
    case = await brought_to(city, area, "handling")
    reasons = {}
    for act, post, body in (
        ("urge", "dispatcher", {"opinion": "see to it"}),
        ("coordinate", "dispatcher", {"parts": [{"unit": "power"}]}),
        ("summon", "dispatcher", {"parts": [{"unit": "gas"}]}),
        ("request_return", "unit_clerk", {"reason": "not our pipe"}),
    ):
        case = await city.act(case, act, post, body)
    for post, unit in (
        ("dispatcher", None),
        ("unit_clerk", "drainage"),
        ("unit_clerk", "power"),
        ("unit_clerk", "gas"),
    ):
        [item] = (await queue(city, area, post, **({"unit": unit} if unit else {})))["items"]
        reasons[unit or post] = sorted(item["reasons"])
    assert reasons == {
        "dispatcher": ["request"],
        "drainage": ["handling", "urging"],
        "power": ["assist"],
        "gas": ["summons"],
    }
    case = await city.act(case, "approve_return", "dispatcher")
    assert (await queue(city, area, "dispatcher"))["counts"]["request"] == 0


async def test_an_appeal_waits_for_both_centres_in_turn_though_its_case_is_closed(city: City) -> None:
    area = street()
    case = await brought_to(city, area, "closed")
    await city.wired.pool.execute("UPDATE dispatch.cases SET overdue = true WHERE id = $1", case["id"])
    case = await city.act(case, "appeal", "unit_clerk", {"reason": "the road was closed by others"})
    assert await waiting(city, area, "dispatcher") == [case["id"]]
    assert await waiting(city, area, "acceptor") == []
    case = await city.act(case, "review_appeal", "dispatcher", {"recommended": True, "opinion": "so it was"})
    assert await waiting(city, area, "dispatcher") == []
    assert await waiting(city, area, "acceptor") == [case["id"]]
    await city.act(case, "decide_appeal", "acceptor", {"approved": True, "opinion": "so it was"})
    assert await waiting(city, area, "acceptor") == []


async def test_the_most_urgent_come_first_and_the_overdue_before_all(city: City) -> None:
    area = street()
    cases = [await city.case(routing_key=f"{area}.1") for _ in range(3)]
    handled = await brought_to(city, area, "handled")
    later = "UPDATE dispatch.cases SET waits_until = now() + $2 * interval '1 minute' WHERE id = $1"
    for case, minutes in zip(cases, (5, -30, 3), strict=True):
        await city.wired.pool.execute(later, case["id"], minutes)
    expected = [cases[1]["id"], cases[2]["id"], cases[0]["id"], handled["id"]]
    assert await waiting(city, area, "acceptor") == expected
    assert await waiting(city, area, "acceptor", "&reason=reported") == expected[:3]
    assert await waiting(city, area, "acceptor", "&reason=handled&reason=checked") == expected[3:]
    seen: list[str] = []
    more = ""
    for _ in expected:
        page = await queue(city, area, "acceptor", f"&limit=1{more}")
        seen += [item["id"] for item in page["items"]]
        assert (page["counts"] is None) == bool(more)
        more = f"&cursor={page['next']}"
    assert page["next"] is None
    assert seen == expected


async def test_the_running_clock_says_when(city: City) -> None:
    area = street()
    said = "SELECT waits_until = $2::text::timestamptz AS due, warned FROM dispatch.cases WHERE id = $1"
    for status in ("reported", "accepted", "filed", "dispatched", "handled", "checking", "checked"):
        case = await brought_to(city, area, status)
        row = await city.wired.pool.fetchrow(said, case["id"], (case["clock"] or {}).get("due_at", "infinity"))
        assert row is not None
        assert (row["due"], row["warned"]) == (True, False), status


async def test_a_units_clerk_has_the_cases_of_the_own_unit(city: City) -> None:
    area = street()
    own, other = await brought_to(city, area, "dispatched"), await brought_to(city, area, "dispatched", unit="water")
    assert await waiting(city, area, "unit_clerk", unit="drainage") == [own["id"]]
    assert await waiting(city, area, "unit_clerk", unit="water") == [other["id"]]
    assert await waiting(city, area, "unit_clerk", unit="gas") == []


async def test_on_the_spot_tasks_are_mine_or_nobodys_and_never_my_own_work(city: City) -> None:
    area = street()
    mine, hers, anybodys, worked = [await brought_to(city, area, "handled") for _ in range(4)]
    for case, who in ((mine, "me"), (hers, "her"), (anybodys, None), (worked, None)):
        await city.act(case, "request_check", "acceptor", {"assignee": who} if who else {})
    await city.wired.pool.execute("UPDATE dispatch.cases SET handlers = '{me}' WHERE id = $1", worked["id"])
    assert set(await waiting(city, area, "supervisor", subject="me")) == {mine["id"], anybodys["id"]}
    assert set(await waiting(city, area, "grid_worker", subject="her")) == {hers["id"], anybodys["id"], worked["id"]}
    assert (await queue(city, area, "supervisor", subject="me"))["counts"] == {"verifying": 0, "checking": 2}


async def test_a_queue_never_leaves_the_callers_area(city: City) -> None:
    area = street()
    mine = await city.case(routing_key=f"{area}.01.001")
    await city.case(routing_key=f"{area}.012.001")
    for where in ("110108", area, f"{area}.01"):
        assert await waiting(city, where, "acceptor", area=f"{area}.01") == [mine["id"]]
    assert await waiting(city, f"{area}.012", "acceptor", area=f"{area}.01") == []
    assert (await queue(city, area, "acceptor", area=f"{area}.01"))["counts"]["reported"] == 1


@pytest.mark.parametrize("post", ["auditor", "evaluator", "admin"])
async def test_who_does_no_acts_has_no_queue(city: City, post: str) -> None:
    answer = await city.http.get("/dispatch/v1/queue", headers=city.headers(post))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/no-queue")


async def test_an_app_has_no_queue_and_a_reason_of_others_is_refused(city: City) -> None:
    answer = await city.http.get("/dispatch/v1/queue", headers=await app_of(city, street()))
    assert answer.json()["type"] == "/problems/no-queue"
    answer = await city.http.get("/dispatch/v1/queue?reason=filed", headers=city.headers("acceptor"))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-reason")
    assert "reported, handled, checked" in answer.json()["detail"]


async def test_counting_ends_at_a_thousand(own_city: City) -> None:
    area = street()
    await own_city.wired.pool.execute("DELETE FROM dispatch.cases")
    await own_city.case(routing_key=f"{area}.1")
    await own_city.wired.pool.execute(
        "CREATE TEMP TABLE copied AS SELECT * FROM dispatch.cases;"
        "INSERT INTO copied SELECT c.* FROM copied c, generate_series(2, 1100);"
        "UPDATE copied SET id = gen_random_uuid(), report_id = gen_random_uuid();"
        "INSERT INTO dispatch.cases SELECT * FROM copied; DROP TABLE copied"
    )
    page = await queue(own_city, area, "acceptor")
    assert page["counts"]["reported"] == COUNTED_TO
    assert len(page["items"]) == 50
