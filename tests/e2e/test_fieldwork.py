"""A grid worker's day through a whole city: recorded, seen by the leader, counted by evaluation."""

import asyncio
import time
from datetime import timedelta
from typing import Any

from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.e2e.conftest import City


async def test_a_patrol_and_a_visit_reach_the_leader_and_the_score(city: City) -> None:
    grids = await city.http.get("/intake/v1/areas?level=grid&limit=1", headers=city.app())
    grid = grids.json()["items"][0]
    now = utc_now()
    times = {"started_at": (now - timedelta(minutes=40)).isoformat(), "ended_at": now.isoformat()}
    here = grid["centroid"]
    track = [[here["lon"], here["lat"] + n * 0.00005, n * 60] for n in range(20)]
    patrol: dict[str, Any] = {"id": str(uuid7()), "kind": "patrol", **times, "track": track, "handled": 1}
    visit: dict[str, Any] = {
        "id": str(uuid7()), "kind": "visit", **times, "location": {"grid": grid["path"]}, "purpose": "key_person",
        "person": {"name": "孙桂兰", "phone": "13698765432"}, "note": "孙桂兰需要帮助，13698765432",
    }  # fmt: skip
    worker = city.staff("grid_worker")
    for body in (patrol, visit):
        answer = await city.http.post("/intake/v1/activities", json=body, headers=worker)
        assert answer.status_code == 201, answer.text
    listed = await city.http.get("/intake/v1/activities", headers=city.staff("grid_leader"))
    found: dict[str, Any] = {item["id"]: item for item in listed.json()["items"]}
    assert found[patrol["id"]]["routing_key"].startswith("110108.")
    assert found[visit["id"]]["details"]["note"] == "***需要帮助，***********"
    until = time.monotonic() + 30
    while True:
        counted = await city.http.get("/evaluation/v1/activities", headers=city.staff("evaluator"))
        assert counted.status_code == 200, counted.text
        lines = {line["worker"]: line for line in counted.json()["items"]}
        line = lines.get("grid_worker-1")
        if line and line["patrols"] and line["visits"]:
            break
        assert time.monotonic() < until, counted.text
        await asyncio.sleep(0.1)
    assert line["handled"] == 1
    assert line["length_m"] > 50


async def test_a_key_with_limits_is_told_of_them_by_every_service(city: City) -> None:
    body = {"name": "limited", "actions": ["catalogue:read", "cases:read"], "rate": 3, "daily": 50, "area": "110108"}
    issued = await city.http.post("/intake/v1/keys", json=body, headers=city.staff("admin"))
    header = {"Authorization": f"Bearer {issued.json()['key']}"}
    until = time.monotonic() + 10
    while (answer := await city.http.get("/dispatch/v1/cases?limit=1", headers=header)).status_code == 401:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    assert answer.headers["ratelimit-policy"] == '"second";q=3;w=1, "day";q=50;w=86400'
    statuses = [(await city.http.get("/intake/v1/catalogue?limit=1", headers=header)).status_code for _ in range(12)]
    assert statuses[:3] == [200, 200, 200]
    assert 429 in statuses
