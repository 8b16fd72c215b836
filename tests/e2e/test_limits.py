"""Two processes of intake on one database: a key's limits are one, and a revoked or rotated key ends in both."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.intake.commands.issue_key import issue_key
from services.intake.domain.key import Scope
from services.intake.settings import IntakeSettings
from services.intake.wiring import wire
from shared import migrations
from shared.auth import issue_token
from shared.bus.opening import open_carrier
from shared.kernel.area import AreaPath
from tests.conftest import new_database
from tests.e2e.split import SECRET, Process

ROUTE = "/intake/v1/catalogue?limit=1"


@dataclass
class Pair:
    """Two replicas, and keys for them."""

    settings: IntakeSettings
    doors: list[httpx.AsyncClient]

    async def key(self, **limits: Any) -> tuple[str, dict[str, str]]:
        """A fresh key's id, and the header that carries it."""
        carrier = open_carrier(self.settings)
        async with wire(self.settings, carrier) as wired:
            scope = Scope(("catalogue:read",), AreaPath.root(), None, limits.get("rate"), limits.get("daily"))
            key, secret = await issue_key(wired.pool, wired.outbox, wired.clock, name="two doors", scope=scope)
        await carrier.close()
        return key.id, {"Authorization": f"Bearer {secret}"}

    @property
    def admin(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue_token(SECRET, subject='admin', post='admin', area='')}"}


@pytest.fixture(scope="module")
async def pair(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder: Path = tmp_path_factory.mktemp("pair")
    dsn = await new_database(postgres_dsn)
    await asyncio.to_thread(migrations.migrate, dsn)
    environment = {"WANGGE_DATABASE_URL": dsn, "WANGGE_TOKEN_SECRET": SECRET, "WANGGE_DATA_DIR": str(folder)}
    processes = [Process("intake", "api", folder / f"api-{n}.log", environment) for n in range(2)]
    try:
        for process in processes:
            await process.start()
        doors = [httpx.AsyncClient(base_url=f"http://127.0.0.1:{p.port}", timeout=20) for p in processes]
        await asyncio.gather(*(_answers(door) for door in doors))
        yield Pair(IntakeSettings(environment="test", database_url=dsn, data_dir=folder), doors)
        for door in doors:
            await door.aclose()
    finally:
        await asyncio.gather(*(process.stop() for process in processes))


async def _answers(door: httpx.AsyncClient) -> None:
    """No areas are imported here, so these are never ready; that they answer is enough."""
    until = time.monotonic() + 60
    while True:
        try:
            if (await door.get("/livez")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < until
        await asyncio.sleep(0.1)


async def test_two_processes_admit_together_what_the_rate_says(pair: Pair) -> None:
    rate = 30
    _, header = await pair.key(rate=rate)
    began = time.monotonic()
    refused: list[httpx.Response] = []

    async def hammer(door: httpx.AsyncClient) -> int:
        count = 0
        while time.monotonic() - began < 2.5:
            answer = await door.get(ROUTE, headers=header)
            assert answer.status_code in (200, 429), answer.text
            count += answer.status_code == 200
            if answer.status_code == 429:
                refused.append(answer)
                await asyncio.sleep(0.01)
        return count

    counts = await asyncio.gather(*(hammer(door) for door in pair.doors for _ in range(2)))
    lasted = time.monotonic() - began
    assert sum(counts) <= rate * (lasted + 2)
    assert sum(counts) >= rate * 1.5
    assert min(sum(counts[:2]), sum(counts[2:])) > 0
    problem = refused[-1]
    assert problem.json()["type"] == "/problems/rate-exceeded"
    assert problem.headers["retry-after"] == "1"
    assert problem.headers["ratelimit-policy"] == '"second";q=30;w=1'
    assert problem.headers["ratelimit-remaining"] == "0"


async def test_a_days_quota_is_one_for_both(pair: Pair) -> None:
    _, header = await pair.key(daily=12)
    statuses = []
    for _ in range(12):
        for door in pair.doors:
            answer = await door.get(ROUTE, headers=header)
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                assert answer.headers["ratelimit-policy"] == '"day";q=12;w=86400'
    # A token that one of them holds is back after a second.
    until = time.monotonic() + 15
    while statuses.count(200) < 12 and time.monotonic() < until:
        await asyncio.sleep(0.5)
        statuses += [(await door.get(ROUTE, headers=header)).status_code for door in pair.doors]
    assert statuses.count(200) == 12
    last = await pair.doors[0].get(ROUTE, headers=header)
    assert (last.status_code, last.json()["type"]) == (429, "/problems/quota-exceeded")
    assert int(last.headers["retry-after"]) > 1
    assert last.json()["violated-policies"] == ["day"]


async def test_a_key_revoked_at_one_is_refused_by_the_other_within_two_seconds(pair: Pair) -> None:
    key_id, header = await pair.key()
    one, other = pair.doors
    assert (await other.get(ROUTE, headers=header)).status_code == 200
    assert (await one.delete(f"/intake/v1/keys/{key_id}", headers=pair.admin)).status_code == 200
    async with asyncio.timeout(2):
        while (await other.get(ROUTE, headers=header)).status_code != 401:
            await asyncio.sleep(0.02)


async def test_a_rotated_key_opens_both_until_its_overlap_ends_and_counts_with_the_new_one(pair: Pair) -> None:
    key_id, old = await pair.key(daily=10)
    one, other = pair.doors
    url = f"/intake/v1/keys/{key_id}/rotate"
    answer = await one.post(url, json={"overlap_s": 3}, headers=pair.admin)
    assert answer.status_code == 201, answer.text
    new = {"Authorization": f"Bearer {answer.json()['key']}"}
    for header in (old, new):
        assert (await other.get(ROUTE, headers=header)).status_code == 200
    async with asyncio.timeout(10):
        while (await other.get(ROUTE, headers=old)).status_code == 200:
            await asyncio.sleep(0.7)
    ended = await other.get(ROUTE, headers=old)
    assert ended.status_code in (401, 429)
    statuses = [(await one.get(ROUTE, headers=new)).status_code for _ in range(12)]
    assert 200 not in statuses[10:]
    assert 429 in statuses
