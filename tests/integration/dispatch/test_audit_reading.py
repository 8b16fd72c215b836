"""The timeline as people read it, the list of checkpoints, and the worker that makes them."""

import asyncio
from pathlib import Path
from uuid import UUID

import orjson

from services.dispatch.api.shapes import CheckpointShape, TimelineItem
from services.dispatch.audit.checkpoint import read_shown
from services.dispatch.commands.make_checkpoint import make_checkpoint
from services.dispatch.settings import DispatchSettings
from services.dispatch.worker import checkpoint_job
from tests.integration.dispatch.conftest import PATH, City, eventually


async def test_the_timeline_tells_who_did_what_to_whom_and_how_the_clock_stood(city: City) -> None:
    case = await city.case()
    for act, post, body in PATH[:4]:
        case = await city.act(case, act, post, {**body, "opinion": "照办"}, key=f"{case['id']}-{act}")
    path = f"/dispatch/v1/cases/{case['id']}/timeline"
    items = (await city.http.get(path, headers=city.headers("auditor"))).json()["items"]
    for item in items:
        TimelineItem.model_validate(item)
    filed, dispatched = items[2], items[3]
    assert filed["clock"] == {"stage": "file", "limit_s": 900, "used_s": 0, "left_s": 900}
    assert filed["details"]["limit_unit"]
    assert dispatched["receiver"] == {"centre": "unit", "unit": "drainage", "assignee": None}
    name = city.wired.pack.units["drainage"].name
    assert f"dispatched the case to {name.en}" in dispatched["words"]["en"]
    assert f"派遣至{name.zh}" in dispatched["words"]["zh"]
    assert "意见：照办" in dispatched["words"]["zh"]
    assert dispatched["key"] == f"{case['id']}-dispatch"
    seen = (await city.http.get(path, headers=city.headers("dispatcher"))).json()["items"]
    assert [item["key"] for item in seen] == [None, None, None, f"{case['id']}-dispatch", None]
    elsewhere = await city.http.get(path, headers=city.headers("auditor", area="110105"))
    assert elsewhere.status_code == 404


async def test_checkpoints_are_listed_for_auditors_and_admins(fresh_city: City) -> None:
    city = fresh_city
    made = []
    for _ in range(3):
        await city.case()
        made.append(await make_checkpoint(city.wired))
    assert await make_checkpoint(city.wired) is None, "nothing changed"
    path = "/dispatch/v1/audit/checkpoints"
    first = (await city.http.get(f"{path}?limit=2", headers=city.headers("auditor"))).json()
    second = (await city.http.get(f"{path}?cursor={first['next']}", headers=city.headers("admin"))).json()
    items = first["items"] + second["items"]
    assert [item["number"] for item in items] == [1, 2, 3]
    assert second["next"] is None
    for item, checkpoint in zip(items, made, strict=True):
        CheckpointShape.model_validate(item)
        copied = read_shown(orjson.dumps(item))
        assert copied == checkpoint
        assert copied.authentic(city.wired.audit.current.public)
    refused = await city.http.get(path, headers=city.headers("dispatcher"))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/action-not-allowed")


async def test_workers_make_one_checkpoint_at_a_time_and_copy_it_out(fresh_city: City, tmp_path: Path) -> None:
    city = fresh_city
    settings = city.wired.settings.model_copy(
        update={"audit_checkpoint_seconds": 0.2, "audit_anchor_dir": tmp_path / "copy"}
    )
    assert isinstance(settings, DispatchSettings)
    object.__setattr__(city.wired, "settings", settings)
    stop = asyncio.Event()
    workers = [asyncio.create_task(checkpoint_job(city.wired).run(stop)) for _ in range(3)]
    try:
        for expected in (1, 2):
            case_id = UUID((await city.until("accepted"))["id"])

            async def covered(case_id: UUID = case_id) -> bool:
                return bool(
                    await city.wired.pool.fetchval(
                        "SELECT true FROM dispatch.audit_entries WHERE case_id = $1 AND version = 2", case_id
                    )
                )

            assert await eventually(covered)
            file = tmp_path / "copy" / "checkpoints.jsonl"

            async def copied(least: int = expected, file: Path = file) -> bool:
                return file.exists() and len(file.read_bytes().splitlines()) >= least

            assert await eventually(copied)
    finally:
        stop.set()
        await asyncio.gather(*workers)
    rows = await city.wired.pool.fetch("SELECT number FROM dispatch.audit_checkpoints ORDER BY number")
    numbers = [row["number"] for row in rows]
    assert numbers == list(range(1, len(numbers) + 1))
    lines = (tmp_path / "copy" / "checkpoints.jsonl").read_bytes().splitlines()
    assert [read_shown(line).number for line in lines] == numbers[: len(lines)]


async def test_a_case_that_is_gone_before_its_checkpoint_is_missed(fresh_city: City) -> None:
    city = fresh_city
    case = await city.case()
    async with city.wired.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("DELETE FROM dispatch.timeline WHERE case_id = $1", UUID(case["id"]))
        await connection.execute("DELETE FROM dispatch.cases WHERE id = $1", UUID(case["id"]))
    made = await make_checkpoint(city.wired)
    assert made
    assert (made.cases, made.rows) == (1, 1)
    entry = await city.wired.pool.fetchrow("SELECT * FROM dispatch.audit_entries")
    assert entry
    assert (str(entry["case_id"]), entry["head"]) == (case["id"], b"")
