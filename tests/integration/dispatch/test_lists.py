"""Lists: what is asked for, as far as the caller may see it, page by page."""

from typing import Any

from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import PATH, City


async def listed(city: City, query: str, post: str = "acceptor", **more: Any) -> list[dict[str, Any]]:
    answer = await city.http.get(f"/dispatch/v1/cases?{query}", headers=city.headers(post, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]  # type: ignore[no-any-return]


def street() -> str:
    """A street of this test's own."""
    return f"110108.{uuid7().hex[-12:]}"


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
    for query in (f"area={area}", f"area={area}.01", ""):
        assert [case["id"] for case in await listed(city, query, area=f"{area}.01")] == [mine["id"]]
    assert await listed(city, f"area={area}.012", area=f"{area}.01") == []


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
        ("dispatcher", ["escalate"]),
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


async def test_the_situation_counts_cases_one_level_down(city: City) -> None:
    area = street()
    for child in ("01.001", "01.002", "02.001"):
        await city.case(routing_key=f"{area}.{child}")
    case = await city.case(routing_key=f"{area}.02.002")
    await city.act(case, "accept", "acceptor")
    answer = await city.http.get(f"/dispatch/v1/situation?area={area}", headers=city.headers("command_leader"))
    assert answer.json() == {
        "area": area,
        "items": [
            {"area": f"{area}.01", "statuses": {"reported": 2}, "cases": 2, "overdue": 0},
            {"area": f"{area}.02", "statuses": {"accepted": 1, "reported": 1}, "cases": 2, "overdue": 0},
        ],
        "next": None,
    }
    below = await city.http.get(
        f"/dispatch/v1/situation?area={area}", headers=city.headers("command_leader", area=f"{area}.02")
    )
    assert [item["area"] for item in below.json()["items"]] == [f"{area}.02"]
