"""Exports: what matches, as it was at one instant, and never a part that looks like the whole."""

import asyncio
import csv
import io
import zipfile
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import uvicorn
from openpyxl import load_workbook  # type: ignore[import-untyped]
from starlette.applications import Starlette
from starlette.routing import Mount

from services.dispatch.app import create_app
from services.dispatch.queries import export
from services.dispatch.store import export as store
from services.dispatch.wiring import EXPORTS_AT_ONCE
from tests.e2e.conftest import free_port
from tests.integration.dispatch.conftest import City, carried_on, street
from tests.integration.dispatch.test_doors import app_of


async def exported(city: City, query: str, post: str = "auditor", **more: Any) -> httpx.Response:
    return await city.http.get(f"/dispatch/v1/cases/export?{query}", headers=city.headers(post, **more))


def lines(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_csv_has_what_matches_newest_first(city: City) -> None:
    area = street()
    cases = [await city.case(routing_key=f"{area}.1", description=f"=1+{n}") for n in range(3)]
    await city.act(cases[0], "accept", "acceptor")
    answer = await exported(city, f"area={area}&status=reported")
    found = lines(answer)
    assert [line["标识 Id"] for line in found] == [cases[2]["id"], cases[1]["id"]]
    assert found[0]["问题描述 Description"] == "'=1+2"
    assert found[0]["类别 Category"].startswith("雨水")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    plain, _, chinese = answer.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert plain.startswith('attachment; filename="cases-2')
    assert unquote(chinese).startswith("案卷-2")
    await carried_on(city)
    assert len(lines(await exported(city, f"area={area}&number={cases[0]['number']}"))) == 1


async def test_xlsx_has_the_same(city: City) -> None:
    area = street()
    cases = [await city.case(routing_key=f"{area}.1") for _ in range(3)]
    answer = await exported(city, f"area={area}&format=xlsx")
    assert int(answer.headers["content-length"]) == len(answer.content)
    page = load_workbook(io.BytesIO(answer.content)).active
    assert [row[0].value for row in page.iter_rows(min_row=2)] == [case["number"] for case in cases[::-1]]
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None


async def test_an_export_holds_only_what_the_caller_may_see(city: City) -> None:
    area = street()
    mine = await city.case(routing_key=f"{area}.01.1")
    other = await city.case(routing_key=f"{area}.012.1", category="01001")
    for form in ("csv", "xlsx"):
        for query, answer in (
            (f"{area}.01", await exported(city, f"format={form}", area=f"{area}.01")),
            ("unit", await exported(city, f"format={form}&area={area}", "unit_clerk", unit="gas")),
        ):
            if form == "csv":
                assert [line["标识 Id"] for line in lines(answer)] == ([mine["id"]] if query != "unit" else [])
            else:
                page = load_workbook(io.BytesIO(answer.content)).active
                assert page.max_row == (2 if query != "unit" else 1)
    headers = await app_of(city, area, ["01001"])
    found = lines(await city.http.get("/dispatch/v1/cases/export", headers=headers))
    assert [line["标识 Id"] for line in found] == [other["id"]]


@pytest.mark.parametrize(("form", "name"), [("csv", "MOST_CSV"), ("xlsx", "MOST_XLSX")])
async def test_more_than_there_may_be_is_refused_before_the_first_byte(
    city: City, monkeypatch: pytest.MonkeyPatch, form: str, name: str
) -> None:
    area = street()
    for _ in range(3):
        await city.case(routing_key=f"{area}.1")
    monkeypatch.setattr(export, name, 2)
    answer = await exported(city, f"area={area}&format={form}")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/export-too-large")
    assert answer.json()["most"] == 2
    monkeypatch.setattr(export, name, 3)
    assert (await exported(city, f"area={area}&format={form}")).status_code == 200


async def test_it_is_one_snapshot_and_takes_a_step_at_a_time(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    area = street()
    await city.deliver(*(city.record(routing_key=f"{area}.1") for _ in range(50)))
    monkeypatch.setattr(store, "STEP", 10)
    prepare, rows = store.prepare, store.rows
    steps: list[int] = []

    async def meddled(*arguments: Any) -> Any:
        counted = await prepare(*arguments)
        await city.wired.pool.execute("DELETE FROM dispatch.cases WHERE area = $1", f"{area}.1")
        return counted

    async def watched(*arguments: Any) -> Any:
        async for step in rows(*arguments):
            steps.append(len(step))
            yield step

    monkeypatch.setattr(store, "prepare", meddled)
    monkeypatch.setattr(store, "rows", watched)
    assert len(lines(await exported(city, f"area={area}"))) == 50
    assert steps == [10] * 5
    assert lines(await exported(city, f"area={area}")) == []


@pytest.fixture
async def served(city: City) -> Any:
    """The city behind a real socket."""
    port = free_port()
    app = Starlette(routes=[Mount("/dispatch", create_app(city.wired))])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


async def test_a_stream_that_breaks_does_not_look_complete(
    city: City, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    area = street()
    await city.deliver(*(city.record(routing_key=f"{area}.1") for _ in range(20)))
    monkeypatch.setattr(store, "STEP", 10)
    rows = store.rows

    async def broken(*arguments: Any) -> Any:
        async for step in rows(*arguments):
            yield step
            raise ConnectionResetError("the database went away")

    monkeypatch.setattr(store, "rows", broken)
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{served}/dispatch/v1/cases/export?area={area}", headers=city.headers("auditor"))
        refused = await client.get(
            f"{served}/dispatch/v1/cases/export?area={area}&format=xlsx", headers=city.headers("auditor")
        )
        assert refused.status_code == 503
    assert not city.wired.exports.locked()


async def test_a_client_that_goes_away_frees_its_place(
    city: City, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    area = street()
    await city.deliver(*(city.record(routing_key=f"{area}.1", description="井" * 900) for _ in range(60)))
    monkeypatch.setattr(store, "STEP", 1)
    rows, going = store.rows, asyncio.Event()

    async def slow(*arguments: Any) -> Any:
        async for step in rows(*arguments):
            yield step
            going.set()
            await asyncio.sleep(0.05)

    monkeypatch.setattr(store, "rows", slow)
    path = f"{served}/dispatch/v1/cases/export?area={area}"
    async with httpx.AsyncClient(headers=city.headers("auditor")) as client:
        for _ in range(EXPORTS_AT_ONCE):
            going.clear()
            request = client.build_request("GET", path)
            answer = await client.send(request, stream=True)
            await going.wait()
        assert city.wired.exports.locked()
        busy = await client.get(path)
        assert (busy.status_code, busy.json()["type"]) == (429, "/problems/exports-busy")
        assert busy.headers["retry-after"] == str(export.RETRY_SECONDS)
        await answer.aclose()
        async with asyncio.timeout(2):
            while city.wired.exports.locked():
                await asyncio.sleep(0.02)
