"""Open cases on a map."""

from typing import Any

import pytest

from shared.contracts.base import Point
from tests.integration.dispatch.conftest import City, street
from tests.integration.dispatch.test_doors import app_of


async def mapped(city: City, where: str, bbox: str, post: str = "acceptor", query: str = "", **more: Any) -> Any:
    path = f"/dispatch/v1/cases.geojson?area={where}&bbox={bbox}{query}"
    answer = await city.http.get(path, headers=city.headers(post, **more))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    return answer.json()


def ids(found: Any) -> list[str]:
    return [feature["id"] for feature in found["features"]]


async def at(city: City, where: str, lon: float, lat: float, **fields: Any) -> dict[str, Any]:
    return await city.case(routing_key=where, location=Point(lon=lon, lat=lat), **fields)


async def test_open_cases_within_the_box(city: City) -> None:
    area = street()
    inside = await at(city, f"{area}.1", 116.30, 39.95)
    edge = await at(city, f"{area}.1", 116.31, 39.96)
    await at(city, f"{area}.1", 116.32, 39.95)
    await at(city, f"{area}.1", 116.30, 39.97)
    ended = await at(city, f"{area}.1", 116.30, 39.95)
    await city.act(ended, "decline", "acceptor", {"opinion": "nothing there"})
    found = await mapped(city, area, "116.29,39.94,116.31,39.96")
    assert ids(found) == [inside["id"], edge["id"]]
    assert (found["type"], found["truncated"], found["limit"]) == ("FeatureCollection", False, 2000)
    [feature, _] = found["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [116.30, 39.95]}
    assert feature["properties"]["number"] == inside["number"]
    assert feature["properties"]["status"] == "reported"


async def test_the_most_urgent_are_kept_where_there_are_more(city: City) -> None:
    area = street()
    cases = [await at(city, f"{area}.1", 116.3, 39.9) for _ in range(3)]
    found = await mapped(city, area, "116,39,117,40", query="&limit=2")
    assert (ids(found), found["truncated"]) == ([case["id"] for case in cases[:2]], True)
    assert (await mapped(city, area, "116,39,117,40", query="&limit=3"))["truncated"] is False


async def test_filters_and_sight(city: City) -> None:
    area = street()
    mine = await at(city, f"{area}.01.1", 116.3, 39.9)
    other = await at(city, f"{area}.012.1", 116.3, 39.9, category="01001")
    box = "116,39,117,40"
    assert ids(await mapped(city, area, box, query="&category=01001")) == [other["id"]]
    assert ids(await mapped(city, area, box, query="&status=handled")) == []
    assert ids(await mapped(city, area, box, area=f"{area}.01")) == [mine["id"]]
    assert ids(await mapped(city, area, box, "unit_clerk", unit="gas")) == []
    headers = await app_of(city, area, ["01001"])
    answer = await city.http.get(f"/dispatch/v1/cases.geojson?bbox={box}", headers=headers)
    assert ids(answer.json()) == [other["id"]]


@pytest.mark.parametrize("bbox", ["", "1,2,3", "a,b,c,d", "117,39,116,40", "116,40,117,39", "0,0,181,1", "nan,0,1,1"])
async def test_a_box_that_is_none_is_refused(city: City, bbox: str) -> None:
    path = f"/dispatch/v1/cases.geojson?bbox={bbox}"
    answer = await city.http.get(path, headers=city.headers("acceptor"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?bbox"
