"""On Kafka every service runs alone, several of each at once; what is down comes back, and nothing is lost."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from operator import itemgetter
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.conftest import City
from tests.e2e.split import SplitCity, running_split
from tests.e2e.test_story import a_grid, case_of, grids_of, report_in, tell_the_story


@pytest.fixture(scope="module")
async def split(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SplitCity]:
    async with running_split(tmp_path_factory.mktemp("split") / "city") as city:
        yield city


async def post(city: City, grid: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
    answer = await city.http.post(
        "/intake/v1/reports", json=report_in(grid), headers={**city.app(), "Idempotency-Key": key}
    )
    return answer.status_code, answer.json()


async def post_until_taken(city: City, grid: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    """As a real app does: the same key until the answer is known."""
    key, until = str(uuid4()), time.monotonic() + seconds
    while True:
        status, body = await post(city, grid, key)
        if status == 201:
            return body
        assert status == 503, body
        assert time.monotonic() < until, body
        await asyncio.sleep(0.1)


async def test_the_story_is_the_same_on_kafka_in_nine_processes(split: SplitCity) -> None:
    await tell_the_story(split)


async def test_with_kafka_down_reports_are_still_taken_and_flow_on_when_it_returns(split: SplitCity) -> None:
    grid = await a_grid(split)
    await asyncio.to_thread(split.broker.kill)
    try:
        reports = [await post_until_taken(split, grid, 5) for _ in range(5)]
        seen = await split.http.get(f"/intake/v1/reports/{reports[0]['id']}", headers=split.app())
        assert seen.json()["case_id"] is None
        assert (await split.http.get("/intake/readyz")).status_code == 200, "an outbox needs no broker to be ready"
    finally:
        await asyncio.to_thread(split.broker.start)
        await split.broker.ready()
    for report in reports:
        assert (await case_of(split, report, seconds=60))["status"] == "reported"


async def test_with_postgres_down_a_report_is_answered_503_and_taken_when_it_is_back(split: SplitCity) -> None:
    grid = await a_grid(split)
    await split.postgres.stop()
    try:
        key = str(uuid4())
        answer = await split.http.post(
            "/intake/v1/reports", json=report_in(grid), headers={**split.app(), "Idempotency-Key": key}
        )
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["type"] == "/problems/unavailable"
        for process in split.processes:
            await process.ready(expected=503)
    finally:
        await split.postgres.start()
    for process in split.processes:
        await process.ready()
    report = await post_until_taken(split, grid)
    await case_of(split, report, seconds=60)


async def test_a_frozen_worker_that_wakes_up_doubles_nothing(split: SplitCity) -> None:
    grids = await grids_of(split, 20)
    frozen = split.of("dispatch", "worker")[0]
    frozen.signal(signal.SIGSTOP)
    try:
        reports = [await post_until_taken(split, grid) for grid in grids]
        cases = [await case_of(split, report, seconds=60) for report in reports]
    finally:
        frozen.signal(signal.SIGCONT)
    assert len({case["id"] for case in cases}) == len(reports)
    await frozen.ready()
    again = [await case_of(split, report) for report in reports]
    assert [(c["id"], c["version"]) for c in again] == [(c["id"], c["version"]) for c in cases]


async def test_workers_that_are_killed_or_stopped_lose_nothing(split: SplitCity) -> None:
    grid = await a_grid(split)
    reports: list[dict[str, Any]] = []
    stop = asyncio.Event()

    async def load() -> None:
        while not stop.is_set():
            reports.append(await post_until_taken(split, grid))

    posting = [asyncio.create_task(load()) for _ in range(4)]
    await asyncio.sleep(0.5)
    for process in (*split.of("intake", "worker"), *split.of("dispatch", "worker")):
        killed = process is split.of("intake", "worker")[0] or process is split.of("dispatch", "worker")[0]
        process.signal(signal.SIGKILL if killed else signal.SIGTERM)
        assert process.child is not None
        status = await asyncio.wait_for(process.child.wait(), 30)
        assert status == (-signal.SIGKILL if killed else 0)
        await process.start()
        await process.ready()
    stop.set()
    await asyncio.gather(*posting)
    # All of one place: they are merged 重复上报 as they come, five hundred to a case.
    cases = [await case_of(split, report, seconds=60) for report in reports]
    last = {case["id"]: case["reports"] for case in sorted(cases, key=itemgetter("version"))}
    having = Counter(report for case in last.values() for report in case)
    assert [having[report["id"]] for report in reports] == [1] * len(reports)
    assert len(reports) > 20
