"""The Python client against a running city: a report in, followed by its fact on the stream."""

import asyncio
import re
import sys
from pathlib import Path
from uuid import uuid4

import pytest

import wangge_client
from tests.e2e.conftest import City
from wangge_client import AsyncClient, Client, Event, Place, Refused, Report

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "48afa4710000000049454e44ae426082"
)


def made(grid: str, text: str = "井盖缺失", **more: object) -> Report:
    return Report("01001", text, Place(grid=grid), **more)  # type: ignore[arg-type]


async def test_the_example_of_its_readme_runs_as_it_stands(city: City) -> None:
    page = Path(wangge_client.__file__).parents[1] / "README.md"
    (example,) = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    placed = example.replace("http://127.0.0.1:8080", city.base).replace("wg_…", city.credentials["app"])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", placed, cwd=page.parent, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await process.communicate())[0].decode().strip()
    assert re.fullmatch(r"[A-Z0-9]{12} (received|reported)", said), said


async def grid_of(client: AsyncClient) -> str:
    async for area in client.areas(level="grid"):
        return str(area["path"])
    raise AssertionError("the city has no grid")


async def test_a_report_goes_in_and_its_case_is_heard_of(city: City) -> None:
    base = str(city.http.base_url)
    app = city.app()["Authorization"].removeprefix("Bearer ")
    subscriber = city.staff("subscriber")["Authorization"].removeprefix("Bearer ")
    async with AsyncClient(base, app) as client, AsyncClient(base, subscriber) as listener:
        grid = await grid_of(client)
        picture = await client.upload(PNG, name="井盖.png")
        taken = await client.post_report(made(grid, f"井盖缺失 {uuid4()}", media=[picture]), key=f"client-{uuid4()}")
        heard = await asyncio.wait_for(_opened(listener, grid, str(taken.id)), 20)
        assert heard.type == "case.opened.v1"
        state = await client.report(taken.id)
        assert state.id == taken.id
        assert (await client.track(taken.tracking_code))["steps"]


async def _opened(listener: AsyncClient, area: str, report: str) -> Event:
    async for event in listener.stream(area, types="case.opened.v1", after="0"):
        if isinstance(event, Event) and report in event.event["data"]["reports"]:
            return event
    raise AssertionError("the stream ended")


async def test_the_blocking_one_posts_by_the_batch_and_is_told_what_is_wrong(city: City) -> None:
    app = city.app()["Authorization"].removeprefix("Bearer ")

    def play() -> None:
        with Client(str(city.http.base_url), app) as client:
            grid = str(next(client.areas(level="grid"))["path"])
            reports = [made(grid), Report("nope", "?", Place(grid=grid)), made(grid, "路灯不亮")]
            lines = list(client.post_reports(reports, size=2))
            assert [(line.line, line.status) for line in lines] == [(1, 201), (2, 422), (3, 201)]
            with pytest.raises(Refused) as caught:
                client.post_report(Report("nope", "?", Place(grid=grid)))
            assert caught.value.fields[0].pointer == "/category"
            assert "01001" in [each["code"] for each in client.catalogue()]

    await asyncio.to_thread(play)
