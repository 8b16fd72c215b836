"""The story once, from a report to a closed, scored and announced case, told through the public interface alone."""

import asyncio
import base64
import json
import stat
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx

from tests.e2e.conftest import City, running

CATEGORY = "01001"  # 供水井盖, a water-supply manhole cover
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def a_grid(city: City) -> dict[str, Any]:
    return (await grids_of(city, 1))[0]


async def grids_of(city: City, count: int) -> list[dict[str, Any]]:
    answer = await city.http.get("/intake/v1/areas", params={"level": "grid", "limit": count}, headers=city.app())
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def card_of(city: City, area: str) -> dict[str, Any]:
    """This month's score card of an area."""
    month = datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m")
    parameters = {"object": "region", "area": area, "period": month}
    answer = await city.http.get("/evaluation/v1/scorecards", params=parameters, headers=city.staff("evaluator"))
    assert answer.status_code == 200, answer.text
    card: dict[str, Any] = answer.json()["items"][0]
    return card


async def an_unused_grid(city: City) -> dict[str, Any]:
    """A grid without a filed case: other tests share the city, and this one's scores are to be its own."""
    answer = await city.http.get("/intake/v1/areas", params={"level": "grid", "limit": 500}, headers=city.app())
    for grid in reversed(answer.json()["items"]):
        if (await card_of(city, grid["path"]))["counters"]["inst"] == 0:
            unused: dict[str, Any] = grid
            return unused
    raise AssertionError("every grid of the page has a case")


def report_in(grid: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "category": CATEGORY,
        "description": "井盖缺失 manhole cover missing",
        "location": {**grid["centroid"], "datum": "wgs84"},
        "source": "public_app",
        **more,
    }


async def act(city: City, headers: dict[str, str], case: dict[str, Any], name: str, **body: Any) -> dict[str, Any]:
    answer = await city.http.post(
        f"/dispatch/v1/cases/{case['id']}/{name}",
        json=body,
        headers={**headers, "If-Match": f'"{case["revision"]}"', "Idempotency-Key": str(uuid4())},
    )
    assert answer.status_code == 200, f"{name}: {answer.text}"
    changed: dict[str, Any] = answer.json()
    assert answer.headers["etag"] == f'"{changed["revision"]}"'
    return changed


async def on_the_spot(city: City, grid: dict[str, Any]) -> dict[str, Any]:
    """What a check brings: where it was answered, and a photograph taken there."""
    taken = await city.http.post("/intake/v1/media", files={"file": PICTURE}, headers=city.staff("grid_worker"))
    assert taken.status_code == 201, taken.text
    return {"location": grid["centroid"], "evidence": [taken.json()["id"]]}


async def case_of(city: City, report: dict[str, Any], seconds: float = 10) -> dict[str, Any]:
    """The case that the report became, once it has."""
    until = time.monotonic() + seconds
    while True:
        seen = (await city.http.get(f"/intake/v1/reports/{report['id']}", headers=city.app())).json()
        if seen["case_id"]:
            answer = await city.http.get(f"/dispatch/v1/cases/{seen['case_id']}", headers=city.staff("acceptor"))
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found
        assert time.monotonic() < until, seen
        await asyncio.sleep(0.02)


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, str, dict[str, Any]]]:
    """(id, type, data) of each event of a stream."""
    event: dict[str, str] = {}
    async for line in response.aiter_lines():
        if not line:
            if "data" in event:
                yield event.get("id", ""), event.get("event", ""), json.loads(event["data"])
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")


async def test_a_report_travels_to_a_closed_scored_and_announced_case(city: City) -> None:
    await tell_the_story(city)


async def tell_the_story(city: City) -> None:
    grid = await an_unused_grid(city)
    seen: list[tuple[str, str, dict[str, Any]]] = []
    ready = asyncio.Event()

    async def listen() -> None:
        parameters = {"area": grid["parent"]}
        async with city.http.stream(
            "GET", "/notify/v1/stream", params=parameters, headers=city.staff("subscriber"), timeout=60
        ) as stream:
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            ready.set()
            async for event in events(stream):
                seen.append(event)
                if event[1] == "case.closed.v1":
                    return

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(ready.wait(), 10)

    posted = await city.http.post(
        "/intake/v1/reports", json=report_in(grid), headers={**city.app(), "Idempotency-Key": str(uuid4())}
    )
    assert posted.status_code == 201, posted.text
    report = posted.json()
    assert report["routing_key"] == grid["path"]

    case = await case_of(city, report)
    assert (case["status"], case["version"], case["reports"]) == ("reported", 1, [report["id"]])
    unit = (await city.http.get("/dispatch/v1/units", headers=city.staff("dispatcher"))).json()["items"][0]["code"]

    case = await act(city, city.staff("acceptor"), case, "accept")
    case = await act(city, city.staff("shift_leader"), case, "file", condition="missing_or_displaced")
    case = await act(city, city.staff("dispatcher"), case, "dispatch", unit=unit, assisting=None, evidence=None)
    assert case["unit"] == unit
    assert case["due_at"]
    assert case["clock"]["stage"] == "handle"
    assert case["clock"]["limit_s"] == 2 * 3600
    case = await act(city, city.unit(unit), case, "take")
    case = await act(city, city.unit(unit), case, "report_handled", result="replaced")
    case = await act(city, city.staff("acceptor"), case, "request_check")
    seen_there = await on_the_spot(city, grid)
    case = await act(city, city.staff("grid_worker"), case, "answer_check", passed=True, **seen_there)
    seen_by_leader = await city.http.get(f"/dispatch/v1/cases/{case['id']}", headers=city.staff("shift_leader"))
    assert "close" in seen_by_leader.json()["acts"]
    case = await act(city, city.staff("shift_leader"), case, "close")
    assert (case["status"], case["acts"]) == ("closed", ["reopen"])

    # announced: one event a fact, those of a subject in order, each with its next version
    await asyncio.wait_for(listening, 10)
    assert next(kind for _, kind, data in seen if data["subject"] == report["id"]) == "report.received.v1"
    mine = [(kind, data) for _, kind, data in seen if data["subject"] == case["id"]]
    assert [kind for kind, _ in mine] == [
        "case.opened.v1",
        "case.accepted.v1",
        "case.filed.v1",
        "case.dispatched.v1",
        "case.taken.v1",
        "case.handled.v1",
        "case.check_requested.v1",
        "case.checked.v1",
        "case.closed.v1",
    ]
    for _, data in mine:
        assert data["specversion"] == "1.0"
        assert data["routingkey"] == grid["path"]
    assert [data["data"]["version"] for _, data in mine] == list(range(1, 10))

    # recorded
    timeline = await city.http.get(f"/dispatch/v1/cases/{case['id']}/timeline", headers=city.staff("auditor"))
    items = timeline.json()["items"]
    assert [item["version"] for item in items] == list(range(1, case["version"] + 1))
    assert {"version", "act", "at", "actor", "centre", "post", "from", "to", "opinion", "evidence"} <= items[0].keys()
    assert (items[-1]["from"], items[-1]["to"]) == ("checked", "closed")

    # told to the reporter
    until = time.monotonic() + 10
    while True:
        tracked = (await city.http.get(f"/notify/v1/track/{report['tracking_code']}")).json()
        follows = (await city.http.get(f"/intake/v1/reports/{report['id']}", headers=city.app())).json()
        if tracked.get("status") == follows["status"] == "closed":
            break
        assert time.monotonic() < until, (tracked, follows)
        await asyncio.sleep(0.05)
    assert [step["status"] for step in tracked["steps"]][-1] == "closed"

    # and scored
    until = time.monotonic() + 10
    while True:
        card = await card_of(city, grid["path"])
        if card["counters"]["archive"] >= 1:
            break
        assert time.monotonic() < until, card
        await asyncio.sleep(0.05)
    assert card["rates"]["dispose_rate"] == 100
    assert card["rates"]["dispose_ontime_rate"] == 100
    assert card["rates"]["archive_rate"] == 100
    assert card["rates"]["rework_rate"] == 0


async def test_the_city_is_as_large_as_it_says(city: City) -> None:
    async def count(level: str) -> int:
        found, parameters = 0, {"level": level, "limit": "500"}
        while True:
            page = (await city.http.get("/intake/v1/areas", params=parameters, headers=city.app())).json()
            found += len(page["items"])
            if page["next"] is None:
                return found
            parameters["cursor"] = page["next"]

    assert [await count(level) for level in ("street", "community", "grid")] == [29, 678, 8562]


async def test_credentials_are_for_their_owner_alone(city: City) -> None:
    assert stat.S_IMODE((city.folder / "credentials.json").stat().st_mode) == 0o600
    assert set(city.credentials["tokens"]) == {
        *("acceptor", "shift_leader", "supervisor", "dispatcher", "command_leader", "unit_clerk"),
        *("grid_worker", "grid_leader", "evaluator", "auditor", "admin", "subscriber"),
    }
    for post in city.credentials["tokens"]:
        me = (await city.http.get("/dispatch/v1/me", headers=city.staff(post))).json()
        assert me["post"] == post


async def test_a_second_start_finds_everything_again(tmp_path) -> None:
    async with running(tmp_path / "data", "--no-demo") as first:
        grid = await a_grid(first)
        report = (await first.http.post("/intake/v1/reports", json=report_in(grid), headers=first.app())).json()
        case = await case_of(first, report)
        old_key = first.app()
    async with running(tmp_path / "data", "--no-demo") as second:
        again = await second.http.get(f"/dispatch/v1/cases/{case['id']}", headers=second.staff("acceptor"))
        assert again.json()["number"] == case["number"]
        # The credentials are fresh at every start; the old ones open nothing.
        refused = await second.http.get(f"/intake/v1/reports/{report['id']}", headers=old_key)
        assert refused.status_code == 401
