"""Lists: what is asked for, as far as the caller may see it, page by page."""

from typing import Any
from urllib.parse import quote

import pytest

from shared.http import decode_cursor, encode_cursor
from tests.integration.dispatch.conftest import PATH, City, carried_on, street


async def listed(city: City, query: str, post: str = "acceptor", **more: Any) -> list[dict[str, Any]]:
    answer = await city.http.get(f"/dispatch/v1/cases?{query}", headers=city.headers(post, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]  # type: ignore[no-any-return]


async def test_newest_first_page_by_page(city: City) -> None:
    area = street()
    made = [(await city.case(routing_key=f"{area}.001.002"))["id"] for _ in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        path = f"/dispatch/v1/cases?area={area}&limit=3{cursor}"
        page = (await city.http.get(path, headers=city.headers("acceptor"))).json()
        assert len(page["items"]) <= 3
        seen += [case["id"] for case in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == made[::-1]


async def test_a_prefix_ends_at_a_whole_segment(city: City) -> None:
    area = street()
    near = await city.case(routing_key=f"{area}.01.001")
    far = await city.case(routing_key=f"{area}.012.001")
    assert [case["id"] for case in await listed(city, f"area={area}.01")] == [near["id"]]
    assert [case["id"] for case in await listed(city, f"area={area}.012.001")] == [far["id"]]
    assert len(await listed(city, f"area={area}")) == 2


async def test_a_list_never_leaves_the_callers_area(city: City) -> None:
    area = street()
    mine = await city.case(routing_key=f"{area}.01.001")
    await city.case(routing_key=f"{area}.012.001")
    for query in (f"area={area}", f"area={area}.01", "", "sort=oldest", "sort=due"):
        assert [case["id"] for case in await listed(city, query, area=f"{area}.01")] == [mine["id"]]
    assert await listed(city, f"area={area}.012", area=f"{area}.01") == []
    assert await listed(city, f"area={area}&sort=due", "unit_clerk", unit="gas") == []


async def test_filters(city: City) -> None:
    area = street()
    cases = [await city.case(routing_key=f"{area}.1") for _ in range(3)]
    lamp = await city.case(routing_key=f"{area}.1", category="01001")
    cases[0] = await city.act(cases[0], *PATH[0])
    for act, post, body in PATH[:3]:
        cases[1] = (
            await city.act(cases[1], act, post, body)
            if act != "dispatch"
            else await city.act(cases[1], act, post, {"unit": "water", "assisting": ["power"]})
        )
    await city.wired.pool.execute("UPDATE dispatch.cases SET overdue = true WHERE id = $1", cases[2]["id"])

    async def ids(query: str) -> set[str]:
        return {case["id"] for case in await listed(city, f"area={area}&{query}")}

    assert await ids("status=accepted") == {cases[0]["id"]}
    assert await ids("status=accepted&status=dispatched") == {cases[0]["id"], cases[1]["id"]}
    assert await ids("unit=water") == {cases[1]["id"]}
    assert await ids("category=01001") == {lamp["id"]}
    assert await ids("category=01001&category=01002") == {lamp["id"]}
    assert await ids("source=app&status=reported") == {cases[2]["id"], lamp["id"]}
    assert await ids("source=video") == set()
    assert await ids("overdue=true") == {cases[2]["id"]}
    assert len(await ids("overdue=false")) == 3


async def test_a_units_clerk_sees_what_the_unit_leads_or_assists_in(city: City) -> None:
    area = street()
    case = await city.case(routing_key=f"{area}.1")
    await city.case(routing_key=f"{area}.1")
    for act, post, body in PATH[:2]:
        case = await city.act(case, act, post, body)
    assert await listed(city, f"area={area}", "unit_clerk", unit="water") == []
    case = await city.act(case, "dispatch", "dispatcher", {"unit": "water", "assisting": ["power"]})
    for unit, acts in (("water", ["take", "request_return"]), ("power", ["report_part"])):
        [seen] = await listed(city, f"area={area}", "unit_clerk", unit=unit)
        assert (seen["id"], seen["acts"], seen["assisting"]) == (case["id"], acts, ["power"])
    assert await listed(city, f"area={area}", "unit_clerk", unit="gas") == []


async def test_acts_are_those_of_the_caller(city: City) -> None:
    case = await city.case()
    for post, acts in (
        ("acceptor", ["accept", "decline", "request_verification", "correct", "merge"]),
        ("dispatcher", []),
        ("auditor", []),
    ):
        assert (await city.seen(case["id"], post))["acts"] == acts


async def test_units_by_area(city: City) -> None:
    async def codes(query: str) -> list[str]:
        answer = await city.http.get(f"/dispatch/v1/units?limit=500{query}", headers=city.headers("dispatcher"))
        assert answer.status_code == 200, answer.text
        return [unit["code"] for unit in answer.json()["items"]]

    everyone = await codes("")
    assert everyone == sorted(city.wired.pack.units)
    near = await codes("&area=110108.012.003")
    assert "drainage" in near
    assert "street-012" in near
    assert "street-013" not in near
    headers = city.headers("dispatcher")
    page = (await city.http.get("/dispatch/v1/units?limit=2", headers=headers)).json()
    assert {"code", "name", "area"} <= page["items"][0].keys()
    rest = (await city.http.get(f"/dispatch/v1/units?limit=2&cursor={page['next']}", headers=headers)).json()
    assert [unit["code"] for unit in page["items"] + rest["items"]] == everyone[:4]


async def test_me(city: City) -> None:
    answer = await city.http.get("/dispatch/v1/me", headers=city.headers("unit_clerk"))
    assert answer.json() == {
        "subject": "unit_clerk-1",
        "centre": "unit",
        "post": "unit_clerk",
        "area": "110108",
        "unit": "drainage",
    }


async def test_filters_by_time_warning_and_number(city: City) -> None:
    area = street()
    old, new, due = [await city.case(routing_key=f"{area}.1") for _ in range(3)]
    for act, post, body in PATH[:3]:
        due = await city.act(due, act, post, body)
    await city.wired.pool.execute(
        "UPDATE dispatch.cases SET opened_at = opened_at - interval '3 days', warned = true WHERE id = $1", old["id"]
    )
    await carried_on(city)

    async def ids(query: str) -> set[str]:
        return {case["id"] for case in await listed(city, f"area={area}&{query}")}

    today = quote(new["opened_at"])
    assert await ids(f"opened_from={today}") == {new["id"], due["id"]}
    assert await ids(f"opened_until={today}") == {old["id"]}
    assert await ids(f"due_from={quote(due['due_at'])}") == {due["id"]}
    assert await ids(f"due_until={quote(due['due_at'])}") == set()
    assert await ids("warned=true") == {old["id"]}
    assert await ids(f"number={new['number']}") == {new["id"]}
    assert await ids(f"number={new['number'][:-1]}") == set()


async def test_the_order_of_a_list(city: City) -> None:
    area = street()
    cases = [await city.case(routing_key=f"{area}.1") for _ in range(4)]
    handled = cases[0]
    for act, post, body in PATH[:5]:
        handled = await city.act(handled, act, post, body)
    await city.wired.pool.execute(
        "UPDATE dispatch.cases SET waits_until = now() + $2 * interval '1 minute' WHERE id = $1", cases[3]["id"], -5
    )
    made = [case["id"] for case in cases]
    for sort, expected in (
        ("newest", made[::-1]),
        ("oldest", made),
        ("due", [made[3], made[1], made[2], made[0]]),  # without a clock it comes last
    ):
        assert await walked(city, f"area={area}&sort={sort}") == expected
        assert await walked(city, f"area={area}&sort={sort}&status=reported&status=handled") == expected


async def walked(city: City, query: str, limit: int = 2) -> list[str]:
    seen: list[str] = []
    cursor = ""
    while True:
        path = f"/dispatch/v1/cases?{query}&limit={limit}{cursor}"
        page = (await city.http.get(path, headers=city.headers("acceptor"))).json()
        seen += [case["id"] for case in page["items"]]
        if page["next"] is None:
            return seen
        cursor = f"&cursor={page['next']}"


async def test_a_cursor_belongs_to_its_filters_and_sort(city: City) -> None:
    area = street()
    for _ in range(3):
        await city.case(routing_key=f"{area}.1")
    headers = city.headers("acceptor")
    for sort in ("newest", "oldest", "due"):
        query = f"area={area}&sort={sort}&limit=1"
        cursor = (await city.http.get(f"/dispatch/v1/cases?{query}", headers=headers)).json()["next"]
        for other in (f"area={area}&sort={sort}&status=reported", f"area={area}.1&sort={sort}", f"area={area}&q=井盖"):
            answer = await city.http.get(f"/dispatch/v1/cases?{other}&cursor={cursor}", headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (422, "/problems/cursor-of-other-list")
            assert answer.json()["errors"][0]["pointer"] == "?cursor"
    queue = await city.http.get(f"/dispatch/v1/queue?area={area}&cursor={cursor}", headers=headers)
    assert queue.json()["type"] == "/problems/cursor-of-other-list"


@pytest.mark.parametrize(
    "parts",
    [
        ("2026-13-01 00:00:00+00", "00000000-0000-7000-8000-000000000000", ""),
        ("", "no uuid", ""),
        ("infinity", "00000000-0000-7000-8000-000000000000", "9:3:"),
        ("infinity", "00000000-0000-7000-8000-000000000000", "1:9:5,4"),
    ],
)
async def test_a_forged_cursor_is_refused(city: City, parts: tuple[str, str, str]) -> None:
    headers = city.headers("acceptor")
    await city.case()
    await city.case()
    page = await city.http.get("/dispatch/v1/cases?sort=due&limit=1", headers=headers)
    list_ = decode_cursor(page.json()["next"], 5)[1]
    cursor = encode_cursor("case", list_, *parts)
    answer = await city.http.get(f"/dispatch/v1/cases?sort=due&limit=1&cursor={cursor}", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-cursor")


@pytest.mark.parametrize(
    ("query", "slug", "pointer"),
    [
        ("opened_from=2026-11-25T10:00:00Z&opened_until=2026-11-25T09:00:00Z", "empty-span", "?opened_until"),
        ("due_from=2026-11-25T10:00:00Z&due_until=2026-11-25T10:00:00Z", "empty-span", "?due_until"),
        ("opened_from=2026-11-25T10:00:00", "invalid", "?opened_from"),
        ("sort=best", "invalid", "?sort"),
        ("status=open", "invalid", "?status.0"),
        ("q=井", "word-too-short", "?q"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(city: City, query: str, slug: str, pointer: str) -> None:
    answer = await city.http.get(f"/dispatch/v1/cases?{query}", headers=city.headers("acceptor"))
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{slug}")
    assert answer.json()["errors"][0]["pointer"] == pointer
