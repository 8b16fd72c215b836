"""Fifty people report one broken lamp, the city is killed while they do: one case, and every one of them is told."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.conftest import READY_SECONDS, City, running, start

LAMP = "01037"  # 路灯


async def post(city: City, body: dict[str, Any], key: str) -> httpx.Response | None:
    """None: no answer came. By a post, whose name outlives the city as an app's key of the demo does not."""
    try:
        return await city.http.post(
            "/intake/v1/reports", json=body, headers={**city.staff("acceptor"), "Idempotency-Key": key}
        )
    except httpx.TransportError:
        return None


async def until_ready(city: City) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        try:
            if (await city.http.get("/readyz")).status_code == 200:
                city.credentials = json.loads((city.folder / "credentials.json").read_text())
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError((city.folder.parent / "up.log").read_text())


async def report(city: City, report_id: str) -> dict[str, Any]:
    answer = await city.http.get(f"/intake/v1/reports/{report_id}", headers=city.app())
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def case_of(city: City, report_id: str, *, but: str | None = None) -> str:
    """The report's case, once there is one, and one other than `but`."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        case = (await report(city, report_id))["case_id"]
        if case not in (None, but):
            return str(case)
        await asyncio.sleep(0.1)
    raise AssertionError(f"report {report_id} has no case of its own")


async def seen(city: City, case: str) -> dict[str, Any]:
    answer = await city.http.get(f"/dispatch/v1/cases/{case}", headers=city.staff("acceptor"))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_fifty_reports_and_a_kill_are_one_case(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--no-demo") as city:
        grids = await city.http.get("/intake/v1/areas", params={"level": "grid", "limit": 1}, headers=city.app())
        where = grids.json()["items"][0]["centroid"]
        bodies = [
            {"category": LAMP, "description": f"路灯不亮 {n}", "location": {**where, "lat": where["lat"] + n * 1e-6}}
            for n in range(50)
        ]
        asked = [asyncio.create_task(post(city, body, f"lamp-{n}")) for n, body in enumerate(bodies)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        city.process.kill()
        await asyncio.gather(*asked)
        await city.process.wait()
        city.process = await start(city.folder, "--no-demo", port=int(city.base.rpartition(":")[2]))
        await until_ready(city)

        answers = [await post(city, body, f"lamp-{n}") for n, body in enumerate(bodies)]
        taken: list[dict[str, Any]] = []
        for answer in answers:
            assert answer is not None
            assert answer.status_code == 201, answer.text
            taken.append(answer.json())
        (first,) = [each["id"] for each in taken if each["merged_into"] is None]
        assert {each["merged_into"] for each in taken if each["id"] != first} == {first}

        case = await case_of(city, first)
        for each in taken:
            assert await case_of(city, each["id"]) == case
        shared = await seen(city, case)
        assert sorted(shared["reports"]) == sorted(each["id"] for each in taken)
        assert shared["priority"] == "high"

        await everyone_is_told(city, shared, taken)
        await one_goes_its_own_way(city, case, next(each["id"] for each in taken if each["id"] != first))


async def everyone_is_told(city: City, case: dict[str, Any], taken: list[dict[str, Any]]) -> None:
    headers = {**city.staff("acceptor"), "If-Match": f'"{case["revision"]}"'}
    accepted = await city.http.post(f"/dispatch/v1/cases/{case['id']}/accept", headers=headers, json={})
    assert accepted.status_code == 200, accepted.text
    for each in (taken[0], taken[17], taken[49]):
        until = time.monotonic() + 20
        while True:
            followed = (await city.http.get(f"/notify/v1/track/{each['tracking_code']}")).json()
            if followed["status"] == "accepted":
                break
            assert time.monotonic() < until, followed
            await asyncio.sleep(0.1)
        assert (await report(city, each["id"]))["case_id"] == case["id"]


async def one_goes_its_own_way(city: City, case: str, report_id: str) -> None:
    for _ in range(2):
        answer = await city.http.post(f"/intake/v1/reports/{report_id}/unmerge", headers=city.staff("acceptor"))
        assert (answer.status_code, answer.json()["merged_into"]) == (200, None)
    own = await case_of(city, report_id, but=case)
    assert (await seen(city, own))["reports"] == [report_id]
    assert report_id not in (await seen(city, case))["reports"]
