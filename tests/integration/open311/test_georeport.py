"""A client that others wrote, `georeport` 0.3.1 from PyPI, unmodified, against a server of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
import uvicorn
from georeport import GeoReport
from starlette.applications import Starlette
from starlette.routing import Mount

from services.intake.app import create_app
from shared.kernel.ids import uuid7
from tests.e2e.conftest import free_port
from tests.integration.open311.conftest import ASKING, FIELDS, PLAIN, V2, Open311, soon

Format = Literal["json", "xml"]


@pytest.fixture(scope="session")
async def base(open311: Open311) -> AsyncIterator[str]:
    """The endpoint behind a socket."""
    port = free_port()
    app = Starlette(routes=[Mount("/intake", create_app(open311.wired))])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    yield f"http://127.0.0.1:{port}{V2}"
    server.should_exit = True
    await serving


@pytest.fixture(params=["json", "xml"])
def client(base: str, request: pytest.FixtureRequest) -> GeoReport:
    return GeoReport(base, jurisdiction="haidian", output_format=request.param)


async def asked(call: Any, *arguments: Any, **more: Any) -> Any:
    """The client waits for its answers, and the server runs in this loop."""
    assert threading.current_thread() is threading.main_thread()
    return await asyncio.to_thread(call, *arguments, **more)


async def test_services(client: GeoReport, open311: Open311) -> None:
    services = await asked(client.get_service_list)
    told = await open311.get("services")
    assert [each["service_code"] for each in services] == [each["service_code"] for each in told]
    assert all(each["type"] == "realtime" for each in services)


async def test_a_definition(client: GeoReport) -> None:
    told = await asked(client.get_service_definition, ASKING)
    assert told["service_code"] == ASKING
    attributes = told["attributes"]
    if client.output_format == "xml":
        attributes = attributes["attribute"]
    assert [each["code"] for each in attributes][:2] == ["depth_cm", "size"]


async def test_requests(client: GeoReport, open311: Open311) -> None:
    first, second = await open311.posted(), await open311.posted()
    await open311.hear(uuid7(), [second], ("open", "reported"), ("decline", "rejected"))
    found = await asked(client.get_service_requests, service_request_id=f"{first},{second}")
    assert [each["service_request_id"] for each in found] == [first, second]
    assert all(set(each) == FIELDS for each in found)
    window = {"start_date": soon(-3600), "end_date": soon(60)}
    for status, mine, other in (("open", first, second), ("closed", second, first)):
        found = await asked(client.get_service_requests, service_code=PLAIN, status=status, **window)
        listed = [found] if isinstance(found, dict) else found  # its XML reader takes a list of one for an item
        ids = {each["service_request_id"] for each in listed}
        assert mine in ids
        assert other not in ids


async def test_one_request(client: GeoReport, open311: Open311) -> None:
    request_id = await open311.posted(description="井盖 & <破损>")
    told = await asked(client.get_service_request, request_id)
    assert told["service_request_id"] == request_id
    assert told["description"] == "井盖 & <破损>"


async def test_it_hears_of_an_error(client: GeoReport) -> None:
    from requests import HTTPError

    with pytest.raises(HTTPError) as error:
        await asked(client.get_service_request, "no-such")
    assert error.value.response is not None
    assert error.value.response.status_code == 404
