"""Changes of the areas of a large city are carried out apart, and nobody waits for them."""

import asyncio
import os
import time
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

import httpx
import numpy as np
import orjson
import pytest
import shapely

from services.intake.api import changing
from services.intake.commands import plan_areas
from services.intake.worker import worker_jobs
from shared.jobs import supervise
from tests.integration.intake.conftest import COMMUNITY, DISTRICT, Place, collection, feature, grid, square

T = TypeVar("T")

# Some 8 MB of GeoJSON. A province is measured with WANGGE_TEST_GRIDS=120000.
GRIDS = int(os.environ.get("WANGGE_TEST_GRIDS", "12000"))


def large() -> bytes:
    """A file of one street with so many grids, each with twelve corners."""
    n = np.arange(GRIDS)
    west, south = 115 + n % 400 / 500, 38 + n // 400 / 500
    edges = [np.round(each, 3) for each in (west, south, west + 0.002, south + 0.002)]
    features = [feature(DISTRICT, "district", None), feature(f"{DISTRICT}.500", "street", None)]
    for place, shape in enumerate(shapely.to_geojson(shapely.segmentize(shapely.box(*edges), 0.0007))):
        community = f"{DISTRICT}.500.{place // 900 + 1:03d}"
        if place % 900 == 0:
            features.append(feature(community, "community", None))
        features.append(feature(f"{community}.{place % 900 + 1:03d}", "grid", orjson.loads(shape)))
    return collection(features)


async def put(intake: Place, content: bytes, **query: str) -> httpx.Response:
    headers = {**intake.staff("admin"), "Content-Type": "application/geo+json"}
    return await intake.http.put("/intake/v1/areas", content=content, params=query, headers=headers, timeout=300)


async def longest_gap(work: Awaitable[T]) -> tuple[T, float]:
    """What `work` gives, and the longest that a task which only sleeps for a millisecond had to wait beyond that."""
    gap, done = 0.0, False

    async def tick() -> None:
        nonlocal gap
        while not done:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            gap = max(gap, time.monotonic() - before - 0.001)

    ticking = asyncio.create_task(tick())
    try:
        return await work, gap
    finally:
        done = True
        await ticking


async def test_a_large_import_holds_up_nobody(empty_intake: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    content = large()
    apart, here = [], []
    for _ in range(2):
        answer, gap = await longest_gap(put(empty_intake, content, dry_run="true"))
        apart.append(gap)
        assert (answer.status_code, answer.json()["findings"]) == (200, [])
        with monkeypatch.context() as patched:
            patched.setattr(changing, "SHORT_BYTES", len(content))
            same, gap = await longest_gap(put(empty_intake, content, dry_run="true"))
        here.append(gap)
        assert same.content == answer.content
    print(f"{GRIDS:,} grids: the longest gap {min(apart):.3f} s apart, {min(here):.3f} s here")
    assert min(apart) < min(here)
    done, gap = await longest_gap(put(empty_intake, content))
    print(f"imported: the longest gap {gap:.3f} s")
    assert done.status_code == 200, done.text
    assert (done.status_code, done.json()["defined"]) == (200, answer.json()["defined"])
    count = await empty_intake.wired.pool.fetchval("SELECT count(*) FROM intake.outbox WHERE type = 'area.defined.v1'")
    assert count == done.json()["defined"] > GRIDS


async def test_what_is_done_apart_is_answered_alike(own_intake: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "FEW_GRIDS", 0)
    refused = await put(own_intake, collection([feature(grid(1, 1), "grid", square(1, 1, wider=0.001))]))
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert (refused.json()["type"], refused.json()["errors"][0]["pointer"]) == (
        "/problems/areas-refused",
        "/features/0",
    )
    drawn = await own_intake.http.put(
        "/intake/v1/areas?dry_run=true",
        content=collection([feature(grid(1, 1), "grid", square(1, 1), "新名")]),
        headers={**own_intake.staff("admin"), "Content-Type": "application/geo+json", "Accept": "text/html"},
    )
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "text/html; charset=utf-8")
    merging = {"areas": [grid(0, 0), grid(0, 1)], "into": {"path": f"{COMMUNITY}.100", "name": "合"}}
    headers = {**own_intake.staff("admin"), "Idempotency-Key": "merge-apart-1"}
    first, again = [
        await own_intake.http.post("/intake/v1/areas/merge", json=merging, headers=headers) for _ in range(2)
    ]
    assert (first.status_code, first.json()["defined"]) == (200, 1)
    assert again.content == first.content
    elsewhere = await own_intake.http.post("/intake/v1/areas/merge", json=merging, headers=own_intake.staff("admin"))
    assert elsewhere.status_code == 404


async def test_a_planned_change_of_a_large_city_is_carried_out_apart(
    own_intake: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_areas, "FEW_AREAS", 0)

    async def here(*_: object) -> bool:
        raise AssertionError("carried out here")

    monkeypatch.setattr(plan_areas, "carry_out_due", here)
    at = own_intake.wired.clock() + timedelta(seconds=2)
    content = collection([feature(grid(1, 1), "grid", square(1, 1), "新名")])
    planned = (await put(own_intake, content, effective=at.isoformat())).json()["plan"]
    stop = asyncio.Event()
    plans = [job for job in worker_jobs(own_intake.wired) if job.name == "area-plans"]
    working = asyncio.create_task(supervise(plans, stop))
    try:
        async with asyncio.timeout(60):
            while True:
                view = await own_intake.http.get(f"/intake/v1/area-plans/{planned}", headers=own_intake.staff("admin"))
                if view.json()["status"] != "waiting":
                    break
                await asyncio.sleep(0.2)
    finally:
        stop.set()
        await working
    assert (view.json()["status"], len(plans)) == ("done", 1)
    area = await own_intake.http.get(f"/intake/v1/areas/{grid(1, 1)}", headers=own_intake.app)
    assert area.json()["name"] == "新名"


async def test_a_worker_that_dies_is_a_503_and_the_next_one_works(
    own_intake: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "FEW_GRIDS", 0)
    content = collection([feature(grid(1, 1), "grid", square(1, 1), "新名")])
    with monkeypatch.context() as patched:
        patched.setattr("services.intake.apart.sys.executable", "/bin/false")
        answer = await put(own_intake, content)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/areas-not-done")
    assert (await put(own_intake, content)).status_code == 200
