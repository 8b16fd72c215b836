"""A city draws a community anew: it looks first, then plans it; reports go to the new grids, the old ones stay told.

On a city of its own: other tests share one, and this moves its grids.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from services.city.embedded_postgres import DATABASE, USER
from tests.e2e.conftest import City, running


async def wangge(city: City, *arguments: str) -> tuple[int, str]:
    """Exit status and output of a command on the city's own database."""
    # The fifth line of a server's own note is the folder of its socket.
    sockets = (city.folder / "postgres" / "postmaster.pid").read_text().splitlines()[4]
    dsn = f"postgresql://{USER}@/{DATABASE}?host={quote(sockets, safe='')}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")}
    environment |= {"WANGGE_DATABASE_URL": dsn, "WANGGE_DATA_DIR": str(city.folder)}
    command = [sys.executable, "-m", "services.city", *arguments]
    pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    child = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=both, env=environment)
    output, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, output.decode()


async def areas(city: City, **query: str) -> list[dict[str, Any]]:
    answer = await city.http.get("/intake/v1/areas", params={"limit": "500", **query}, headers=city.app())
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def report(city: City, place: dict[str, float]) -> dict[str, Any]:
    body = {"category": "01001", "description": "井盖缺失", "location": place}
    headers = {**city.app(), "Idempotency-Key": str(uuid4())}
    answer = await city.http.post("/intake/v1/reports", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


async def test_a_community_is_cut_anew_on_a_day_and_its_past_stays(tmp_path: Path) -> None:
    async with running(tmp_path / "data", "--no-demo") as city:
        community = (await areas(city, level="community"))[0]["path"]
        old = await areas(city, level="grid", parent=community)
        place = old[0]["centroid"]
        first = await report(city, place)
        assert first["routing_key"] == old[0]["path"]
        before = datetime.now(UTC)

        drawn, page = tmp_path / "cells.geojson", tmp_path / "map.html"
        status, said = await wangge(
            city, "areas", "generate", str(drawn), "--inside", community, "--square", "150", "--first", "101"
        )
        assert status == 0, said
        new = json.loads(drawn.read_text())["features"]
        # Beside the old ones they overlap: looked at first, drawn, and nothing is changed.
        status, said = await wangge(city, "areas", "import", str(drawn), "--dry-run", "--map", str(page))
        assert (status, "overlap" in said) == (1, True), said
        assert "<svg" in page.read_text(encoding="utf-8")

        for feature in new:
            feature["properties"]["predecessors"] = [grid["path"] for grid in old]
        day = datetime.now(UTC) + timedelta(seconds=4)
        answer = await city.http.put(
            "/intake/v1/areas",
            params={"effective": day.isoformat(), "note": "社区网格调整"},
            content=json.dumps({"type": "FeatureCollection", "features": new}),
            headers={**city.staff("admin"), "Content-Type": "application/geo+json"},
        )
        assert answer.status_code == 202, answer.text
        assert (await report(city, place))["routing_key"] == old[0]["path"]

        async with asyncio.timeout(30):
            while (after := await report(city, place))["routing_key"] == old[0]["path"]:
                await asyncio.sleep(0.25)
        assert datetime.now(UTC) >= day
        assert after["routing_key"] in {feature["properties"]["path"] for feature in new}
        assert {grid["path"] for grid in await areas(city, level="grid", parent=community)} == {
            feature["properties"]["path"] for feature in new
        }
        past = await areas(city, level="grid", parent=community, at=before.isoformat())
        assert [grid["path"] for grid in past] == [grid["path"] for grid in old]
        gone = (await city.http.get(f"/intake/v1/areas/{old[0]['path']}", headers=city.app())).json()
        assert len(gone["successors"]) == len(new)
        kept = await city.http.get(f"/intake/v1/reports/{first['id']}", headers=city.app())
        assert kept.json()["routing_key"] == old[0]["path"]
        status, said = await wangge(city, "areas", "plans")
        assert (status, "done" in said) == (0, True), said
