"""A city in a process of its own, met by an app that speaks Open311 alone: it reports, and hears what became of it."""

import asyncio
import time
from typing import Any

from defusedxml.ElementTree import fromstring
from georeport import GeoReport

from tests.e2e.conftest import City

V2 = "/intake/open311/v2"


async def test_an_open311_app_reports_and_hears_what_became_of_it(city: City) -> None:
    grids = (await city.http.get("/intake/v1/areas?level=grid&limit=1", headers=city.app())).json()["items"]
    place = grids[0]["centroid"]
    client = GeoReport(f"{city.base}{V2}", output_format="json")
    services = await asyncio.to_thread(client.get_service_list)
    code = next(each["service_code"] for each in services if each["metadata"] is False)
    answer = await city.http.post(
        f"{V2}/requests.xml",
        data={
            "api_key": city.credentials["app"],
            "service_code": code,
            "lat": place["lat"],
            "long": place["lon"],
            "description": "open311 经第三方应用上报",
            "email": "reporter@example.org",
        },
    )
    assert answer.status_code == 200, answer.text
    request_id = fromstring(answer.content).findtext("request/service_request_id")
    assert request_id is not None

    told = await asyncio.to_thread(client.get_service_request, request_id)
    assert told["status"] == "open"
    case = await _case_of(city, request_id)
    refused = await city.http.post(
        f"/dispatch/v1/cases/{case}/decline",
        json={"opinion": "不属于受理范围"},
        headers=city.staff("acceptor") | {"If-Match": await _etag(city, case)},
    )
    assert refused.status_code == 200, refused.text
    closed = await _until_closed(client, request_id)
    assert "不属于受理范围" in closed["status_notes"]
    updates = await city.http.get(f"{V2}/servicerequestupdates.json", params={"service_request_id": request_id})
    assert updates.json()[-1]["status"] == "closed"
    assert updates.json()[-1]["updated_datetime"] == closed["updated_datetime"]
    assert "reporter@example.org" not in str(closed) + updates.text


async def _case_of(city: City, report_id: str) -> str:
    until = time.monotonic() + 30
    while True:
        view = (await city.http.get(f"/intake/v1/reports/{report_id}", headers=city.app())).json()
        if view["case_id"]:
            return str(view["case_id"])
        assert time.monotonic() < until, view
        await asyncio.sleep(0.1)


async def _etag(city: City, case: str) -> str:
    seen = await city.http.get(f"/dispatch/v1/cases/{case}", headers=city.staff("acceptor"))
    return seen.headers["etag"]


async def _until_closed(client: GeoReport, request_id: str) -> dict[str, Any]:
    until = time.monotonic() + 30
    while True:
        told: dict[str, Any] = await asyncio.to_thread(client.get_service_request, request_id)
        if told["status"] == "closed":
            return told
        assert time.monotonic() < until, told
        await asyncio.sleep(0.1)
