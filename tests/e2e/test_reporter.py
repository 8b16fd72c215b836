"""Whoever reported, with nothing but a tracking code: sees where it stands, adds to it, takes it back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.e2e.conftest import City
from tests.e2e.test_story import a_grid, act, case_of, report_in


async def until(seen: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """What `seen` shows, once it is as wanted."""
    end = time.monotonic() + 10
    while not wanted(found := await seen()):
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)
    return found


async def reported(city: City, **more: Any) -> dict[str, Any]:
    answer = await city.http.post("/intake/v1/reports", json=report_in(await a_grid(city), **more), headers=city.app())
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def test_a_reporter_follows_adds_and_takes_back_by_the_code_alone(city: City) -> None:
    report = await reported(city)
    case = await case_of(city, report)
    code = report["tracking_code"]

    async def page() -> str:
        answer = await city.http.get(f"/notify/track/{code}")
        return answer.text if answer.status_code == 200 else ""

    shown = await until(page, lambda text: "已上报" in text)
    assert f"/intake/v1/reports/{report['id']}/additions" in shown
    assert 'href="/notify/track"' in shown

    added = await city.http.post(
        f"/intake/v1/reports/{report['id']}/additions",
        json={"text": "路口北侧，电话13812345678", "tracking_code": code},
    )
    assert added.status_code == 201, added.text

    async def timeline() -> list[dict[str, Any]]:
        answer = await city.http.get(f"/dispatch/v1/cases/{case['id']}/timeline", headers=city.staff("acceptor"))
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    items = await until(timeline, lambda found: found[-1]["act"] == "note_addition")
    assert items[-1]["opinion"] == "路口北侧，电话138********"

    back = await city.http.post(
        f"/intake/v1/reports/{report['id']}/withdrawal", json={"reason": "已经有人盖好了", "tracking_code": code}
    )
    assert back.status_code == 201, back.text
    items = await until(timeline, lambda found: found[-1]["act"] == "withdraw")
    assert (items[-1]["to"], items[-1]["opinion"]) == ("voided", "已经有人盖好了")
    shown = await until(page, lambda text: "您已撤回这次上报" in text)
    assert "<form" not in shown
    again = await city.http.get(f"/intake/v1/reports/{report['id']}", headers=city.app())
    assert again.json()["status"] == "withdrawn"


async def test_what_was_accepted_is_not_taken_back(city: City) -> None:
    report = await reported(city)
    case = await case_of(city, report)
    await act(city, city.staff("acceptor"), case, "accept")

    async def seen() -> Any:
        return (await city.http.get(f"/intake/v1/reports/{report['id']}", headers=city.app())).json()

    await until(seen, lambda found: found["status"] == "accepted")
    refused = await city.http.post(
        f"/intake/v1/reports/{report['id']}/withdrawal", json={"reason": "看错了"}, headers=city.app()
    )
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/already-acted-on")


async def test_the_city_asks_of_a_report_what_its_pack_says(city: City) -> None:
    grid = await a_grid(city)
    swapped = {"lon": grid["centroid"]["lat"], "lat": grid["centroid"]["lon"]}
    for body, slug, pointer in (
        (report_in(grid, category="09012"), "unfit-attributes", "/attributes/obstacle"),
        (report_in(grid, category="09008"), "not-admitted", "/category"),
        (report_in(grid, source="hotline"), "source-incomplete", "/reporter"),
        (report_in(grid, location=swapped), "invalid", "/location/lat"),
    ):
        answer = await city.http.post("/intake/v1/reports", json=body, headers=city.app())
        assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{slug}"), answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    report = await reported(city, location={"address": "万寿路街道翠微路社区 5 号楼前"})
    assert report["routing_key"].startswith("110108.001.001.")
    case = await case_of(city, report)
    assert case["attributes"]["address"] == "万寿路街道翠微路社区 5 号楼前"
    report = await reported(city, category="gb2013:matter:0412", attributes={"obstacle": "goods"})
    assert (await case_of(city, report))["category"] == "09012"
