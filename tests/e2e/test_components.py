"""A component through a running city: registered, suggested to whom it stands beside, reported on, its case shown."""

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.e2e.conftest import City, running
from tests.e2e.test_story import a_grid

CODE, NEXT = "11010801001900001", "11010801001900002"
ROUTE = "/intake/v1/components"


async def ask(city: City, path: str, headers: dict[str, str], **query: Any) -> Any:
    answer = await city.http.get(f"{ROUTE}{path}", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_component_from_its_census_to_its_case(city: City) -> None:
    place = (await a_grid(city))["centroid"]
    admin, app, acceptor = city.staff("admin"), city.app(), city.staff("acceptor")
    body = {"location": place, "owner": "water"}
    assert (await city.http.put(f"{ROUTE}/{CODE}", json=body, headers=admin)).status_code == 201
    near = await ask(city, "/nearest", app, **place, kind="01001", within=30)
    assert [(each["code"], each["distance_m"]) for each in near["items"]] == [(CODE, 0.0)]
    report = {"category": "01001", "description": "井盖缺失", "location": {"component": near["items"][0]["code"]}}
    taken = await city.http.post("/intake/v1/reports", json=report, headers=app)
    assert taken.status_code == 201, taken.text
    assert taken.json()["routing_key"] == near["items"][0]["area"]
    until = time.monotonic() + 30
    while True:
        (shown,) = (await ask(city, f"/{CODE}/reports", acceptor))["items"]
        if shown["case_id"] is not None or time.monotonic() > until:
            break
        await asyncio.sleep(0.1)
    case = await city.http.get(f"/dispatch/v1/cases/{shown['case_id']}", headers=acceptor)
    assert case.json()["reports"] == [taken.json()["id"]]
    assert case.json()["location"] == place
    assert case.json()["attributes"]["component"] == CODE
    while True:  # a worker reads the words of new cases
        found = (await city.http.get("/dispatch/v1/cases", params={"q": CODE}, headers=acceptor)).json()["items"]
        if found or time.monotonic() > until:
            break
        await asyncio.sleep(0.1)
    assert [each["id"] for each in found] == [shown["case_id"]]
    # It is replaced: its history tells, and a report on the old one is sent to the new.
    assert (await city.http.put(f"{ROUTE}/{NEXT}", json=body, headers=admin)).status_code == 201
    gone = body | {"state": "removed", "successor": NEXT}
    assert (await city.http.put(f"{ROUTE}/{CODE}", json=gone, headers=admin)).status_code == 200
    history = (await ask(city, f"/{CODE}/history", app))["items"]
    assert [each["changed"] for each in history] == [["state", "successor"], []]
    refused = await city.http.post("/intake/v1/reports", json=report, headers=app)
    assert (refused.status_code, refused.json()["successor"]) == (422, NEXT)


async def test_the_demo_has_components_and_says_that_they_are_made_up(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as city:
        whole = (await ask(city, "/ownership", city.app()))["whole"]
        assert 2_900 <= whole["components"] <= 3_000
        assert 75 < whole["rate"] < 85
        (one,) = (await ask(city, "", city.app(), limit=1))["items"]
        assert "made up" in one["note"]
        (found, *_) = (await ask(city, "/nearest", city.app(), **one["location"], within=50))["items"]
        assert found["distance_m"] == 0.0
