"""A batch in a running city: broken off in the middle, sent again, each of its reports a case once."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from tests.e2e.conftest import City
from wangge_client import AsyncClient


async def test_a_night_of_reports_whose_connection_breaks_comes_in_whole_and_once(city: City) -> None:
    app = city.app()["Authorization"].removeprefix("Bearer ")
    async with AsyncClient(str(city.http.base_url), app) as client:
        grid = [str(area["path"]) async for area in client.areas(level="grid")][-1]
    mark = uuid4().hex
    body = {"category": "01001", "location": {"grid": grid}, "attributes": {"night": mark}}
    lines = [json.dumps({**body, "description": f"{mark} {n}"}).encode() + b"\n" for n in range(1_200)]
    headers = {**city.app(), "Content-Type": "application/x-ndjson", "Idempotency-Key": f"night-{mark}"}

    async def broken() -> AsyncIterator[bytes]:
        yield b"".join(lines[:1_100])
        await asyncio.sleep(2)  # the first thousand are stored
        raise ConnectionError("out of reach")

    with pytest.raises(ConnectionError):
        await city.http.post("/intake/v1/reports/batch", content=broken(), headers=headers, timeout=60)

    answers: list[httpx.Response] = []
    for _ in range(2):
        answers.append(
            await city.http.post("/intake/v1/reports/batch", content=b"".join(lines), headers=headers, timeout=60)
        )
    assert answers[0].content == answers[1].content
    told = [json.loads(line) for line in answers[0].content.splitlines()]
    assert [(each["line"], each["status"]) for each in told] == [(n, 201) for n in range(1, 1_201)]
    last = f"/intake/v1/reports/{told[-1]['id']}"
    async with asyncio.timeout(60):
        while (await city.http.get(last, headers=city.app())).json()["case_id"] is None:
            await asyncio.sleep(0.2)
    assert len({each["id"] for each in told}) == 1_200
