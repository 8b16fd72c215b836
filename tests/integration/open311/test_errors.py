"""Errors: whoever refuses under the protocol's address, it is in the protocol's form; jurisdictions."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from services.intake.app import create_app
from services.intake.commands.group_commit import GroupWriter
from services.intake.grids.index import Grids
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.postgres import create_pool
from tests.integration.intake.conftest import middle
from tests.integration.open311.conftest import Open311, errors_of, refused

READ = ["discovery", "services", "services/01001", "requests", "servicerequestupdates"]


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_there_may_be_several(open311: Open311, form: str) -> None:
    answer = await open311.post(form, description="<b>x</b>", media_url="x:y")
    assert len(errors_of(answer)) == 2
    assert answer.headers["content-type"] == (
        "text/xml; charset=utf-8" if form == "xml" else "application/json; charset=utf-8"
    )


@pytest.mark.parametrize("path", ["/nothing", "", "/", "/requests", "/requests.yaml", "/requests/1", "/services.XML"])
async def test_nothing_at_an_address_is_404(open311: Open311, path: str) -> None:
    refused(await open311.http.get(path), 404)


async def test_without_a_format_in_the_address_the_client_says_which(open311: Open311) -> None:
    as_json = await open311.http.get("/nothing", headers={"accept": "application/json"})
    assert as_json.headers["content-type"].startswith("application/json")
    refused(as_json, 404)
    for accept in ("*/*", "text/xml", "text/html", "application/json, text/xml"):
        answer = await open311.http.get("/nothing", headers={"accept": accept})
        assert answer.headers["content-type"].startswith("text/xml")
        refused(answer, 404)


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_405_and_says_which(open311: Open311, form: str, method: str) -> None:
    answer = await open311.http.request(method, f"/services.{form}")
    refused(answer, 405)
    assert "GET" in answer.headers["allow"]
    refused(await open311.http.post(f"/services.{form}"), 405)


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_too_much_is_413(open311: Open311, form: str) -> None:
    body = b"x" * (open311.wired.settings.media_max_bytes * 4 + 1)
    refused(await open311.http.post(f"/requests.{form}", content=body), 413)
    refused(await open311.http.post(f"/servicerequestupdates.{form}", content=body), 413)


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_nul_in_an_address_is_400(open311: Open311, form: str) -> None:
    refused(await open311.http.get(f"/requests.{form}?status=%00"), 400)


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_a_process_that_has_not_read_its_areas_is_503(open311: Open311, form: str) -> None:
    wired = replace(open311.wired, desk=replace(open311.wired.desk, grids=Grids()))
    answer = await _ask(wired, "POST", f"/open311/v2/requests.{form}", data=open311.form())
    refused(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_no_database_is_503_for_a_post_and_for_every_reader(open311: Open311, form: str) -> None:
    """Never a 2xx for what is not stored."""
    pool = await create_pool("postgresql://wangge@127.0.0.1:1/none", name="gone")
    writer = GroupWriter(pool, Outbox("intake", Wake()))
    wired = replace(open311.wired, pool=pool, desk=replace(open311.wired.desk, pool=pool, writer=writer))
    posted, stop = open311.form(), asyncio.Event()
    writing = asyncio.create_task(writer.job().run(stop))
    for method, path, data in (
        ("POST", "requests", posted),
        ("GET", "requests", None),
        ("GET", "requests/01a20847-0000-7000-8000-000000000000", None),
        ("GET", "tokens/01a20847-0000-7000-8000-000000000000", None),
        ("GET", "servicerequestupdates", None),
    ):
        answer = await _ask(wired, method, f"/open311/v2/{path}.{form}", data=data)
        refused(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
    stop.set()
    await writing
    await pool.close()


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_a_bug_is_500_and_tells_nothing_of_our_insides(open311: Open311, form: str) -> None:
    wired = replace(open311.wired, open311=None)  # type: ignore[arg-type]
    said = refused(await _ask(wired, "GET", f"/open311/v2/services.{form}"), 500)
    assert "NoneType" not in said


async def test_elsewhere_a_refusal_is_problem_json(open311: Open311) -> None:
    answer = await open311.place.http.get("/intake/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def _ask(wired: Any, method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=create_app(wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.test") as http:
        return await http.request(method, path, **more)


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("path", [*READ[1:]])
async def test_one_jurisdiction_needs_no_name_and_an_unknown_one_is_404(open311: Open311, path: str, form: str) -> None:
    for name in ("", "haidian", "110108"):
        answer = await open311.http.get(f"/{path}.{form}", params={"jurisdiction_id": name})
        assert answer.status_code == 200, answer.text
    refused(await open311.http.get(f"/{path}.{form}?jurisdiction_id=nowhere.example"), 404, "jurisdiction")


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_of_several_one_must_be_named(two_towns: Open311, form: str) -> None:
    for path in READ[1:]:
        refused(await two_towns.http.get(f"/{path}.{form}"), 400, "jurisdiction_id", "one.example")
        refused(await two_towns.http.get(f"/{path}.{form}?jurisdiction_id=haidian"), 404, "jurisdiction")
        answer = await two_towns.http.get(f"/{path}.{form}?jurisdiction_id=one.example")
        assert answer.status_code == 200, answer.text
    refused(await two_towns.post(form), 400, "jurisdiction_id")
    assert (await two_towns.post(form, jurisdiction_id="one.example")).status_code == 200
    by_query = await two_towns.http.post(
        f"/requests.{form}", params={"jurisdiction_id": "one.example"}, data=two_towns.form()
    )
    assert by_query.status_code == 200
    differing = await two_towns.http.post(
        f"/requests.{form}",
        params={"jurisdiction_id": "one.example"},
        data=two_towns.form(jurisdiction_id="all.example"),
    )
    refused(differing, 400, "jurisdiction_id")


async def test_a_jurisdiction_has_its_own_requests(two_towns: Open311) -> None:
    here = await two_towns.posted(jurisdiction_id="one.example")
    at = middle(2, 2)
    there = await two_towns.posted(jurisdiction_id="all.example", lat=at["lat"], long=at["lon"])
    elsewhere = await two_towns.post(jurisdiction_id="one.example", lat=at["lat"], long=at["lon"])
    refused(elsewhere, 400, "one.example")
    for query in ({}, {"service_request_id": f"{here},{there}"}, {"status": "open"}, {"service_code": "01003"}):
        one = await two_towns.get("requests", jurisdiction_id="one.example", **query)
        every = await two_towns.get("requests", jurisdiction_id="all.example", **query)
        assert here in str(one)
        assert there not in str(one)
        assert here in str(every)
        assert there in str(every)
    refused(await two_towns.http.get(f"/requests/{there}.json?jurisdiction_id=one.example"), 404)
    refused(await two_towns.http.get(f"/tokens/{there}.json?jurisdiction_id=one.example"), 404)


async def test_the_openapi_document_tells_both_formats(open311: Open311) -> None:
    told = (await open311.place.http.get("/intake/openapi.json")).json()
    routes = {path: methods for path, methods in told["paths"].items() if path.startswith("/open311/v2/")}
    assert {path.removeprefix("/open311/v2/"): sorted(methods) for path, methods in routes.items()} == {
        "discovery.{format}": ["get"],
        "services.{format}": ["get"],
        "services/{code}.{format}": ["get"],
        "requests.{format}": ["get", "post"],
        "requests/{id}.{format}": ["get"],
        "tokens/{token}.{format}": ["get"],
        "servicerequestupdates.{format}": ["get", "post"],
    }
    for methods in routes.values():
        for each in methods.values():
            assert {"application/json", "text/xml"} <= set(each["responses"]["200"]["content"])
            assert {"application/json", "text/xml"} <= set(each["responses"]["400"]["content"])
    form = routes["/open311/v2/requests.{format}"]["post"]["requestBody"]["content"]
    assert set(form) == {"application/x-www-form-urlencoded", "multipart/form-data"}
