"""What names a person goes in by every door of intake and comes out of none: facts, tables, logs, spans, answers.

A running city with its log at debug, an OTLP receiver and a gateway for text messages. The gateway alone, and whoever
asks for a purpose, get to know whom.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.intake.domain.messages import Quiet
from shared.kernel.ids import uuid7
from shared.packs import load
from tests.e2e.conftest import City, free_port, running

PACK = "nyc-311"  # accepts, files and dispatches by itself
CATEGORY = "rodent"
NAME, PHONE, OTHER_PHONE = "欧阳标记", "13987651234", "13876501234"
IDENTITY, PLATE, EMAIL = "110108199003071234", "京N8K3T7", "marked.person@example.org"
# A plate and a number are found in whatever spelling an encoder gives them.
MARKS = (NAME, PHONE, OTHER_PHONE, IDENTITY, PLATE, EMAIL, PLATE[1:], PHONE[3:])
TEXT = f"call {PHONE}, id {IDENTITY}, plate {PLATE}, mail {EMAIL}"


@dataclass
class Outside:
    """What the city sent out: to the collector of spans, and to the gateway."""

    spans: bytearray = field(default_factory=bytearray)
    sms: list[str] = field(default_factory=list)


@asynccontextmanager
async def outside() -> AsyncIterator[tuple[str, Outside]]:
    seen = Outside()

    async def spans(request: Request) -> Response:
        seen.spans += await request.body()
        return Response(b"", media_type="application/x-protobuf")

    async def sms(request: Request) -> Response:
        seen.sms.append((await request.body()).decode())
        return Response(b"{}")

    routes = [Route(path, spans, methods=["POST"]) for path in ("/v1/traces", "/v1/metrics")]
    port = free_port()
    app = Starlette(routes=[*routes, Route("/sms", sms, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        yield f"http://127.0.0.1:{port}", seen
    finally:
        server.should_exit = True
        await task


async def through_every_door(city: City, grid: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Every answer, as text, and the report that was taken in."""
    answers: list[str] = []
    place = {"grid": grid["path"]}
    reporter = {"name": NAME, "phone": PHONE, "email": EMAIL}

    async def post(path: str, expected: int, headers: dict[str, str] | None = None, **sent: Any) -> Any:
        answer = await city.http.post(path, headers=city.app() | (headers or {}), **sent)
        assert answer.status_code == expected, f"{path} {answer.status_code}: {answer.text}"
        answers.append(answer.text + str(answer.headers))
        return answer

    def body(**more: Any) -> dict[str, Any]:
        return {"category": CATEGORY, "description": TEXT, "location": place, "reporter": reporter, **more}

    attributes = {"who": f"{PHONE} {PLATE}", "deep": [{"id": IDENTITY}], "call": int(OTHER_PHONE)}
    taken = (await post("/intake/v1/reports", 201, json=body(attributes=attributes))).json()
    for wrong in (
        body(category=PHONE),
        body(location={"grid": PHONE}),
        body(location={"address": f"{PHONE} {EMAIL}"}),
        body(location={"component": IDENTITY}),
        body(reporter={**reporter, "phone": int(PHONE)}),
        body(reporter={**reporter, "phone": PHONE * 10}),
        body(reporter={**reporter, "nickname": NAME}),
        body(description=TEXT * 50),
        body(description=f"{TEXT}\x00"),
        body(media=[PHONE]),
        body(occurred_at=f"{PHONE}"),
        body(source=f"{NAME}"),
        body(attributes={"a": f"{TEXT}\x00"}),
    ):
        await post("/intake/v1/reports", 422, json=wrong)
    await post("/intake/v1/reports", 400, content=f'{{"description": "{TEXT}", "phone": {PHONE},,}}'.encode())
    import json

    lines = [body(reporter={"phone": OTHER_PHONE}), body(category=PHONE), body(reporter=PHONE)]
    ndjson = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + f"\n{TEXT}\n"
    await post("/intake/v1/reports/batch", 200, {"Content-Type": "application/x-ndjson"}, content=ndjson.encode())
    await post("/intake/v1/media", 415, files={"file": (f"{NAME} {PHONE}.txt", TEXT.encode())})
    own = f"/intake/v1/reports/{taken['id']}"
    await post(f"{own}/additions", 201, json={"text": TEXT})
    now = datetime.now(UTC).isoformat(timespec="seconds")
    visit = {
        "id": str(uuid7()), "kind": "visit", "started_at": now, "ended_at": now, "location": place,
        "purpose": "general", "form": "home", "outcome": "met", "note": TEXT,
        "person": {"name": NAME, "phone": PHONE, "address": f"{NAME} {PHONE}"},
    }  # fmt: skip
    await post("/intake/v1/activities", 201, city.staff("grid_worker"), json=visit)
    await post("/intake/v1/activities", 422, city.staff("grid_worker"), json={**visit, "location": {"grid": PHONE}})
    await post("/intake/v1/activities", 422, city.staff("grid_worker"), json={**visit, "id": PHONE})
    await post("/intake/v1/activities", 422, city.staff("grid_worker"), json={**visit, "person": {"name": NAME * 100}})
    diary = {**visit, "id": str(uuid7()), "kind": "diary", "content": TEXT, "problem": TEXT}
    del diary["purpose"], diary["outcome"], diary["note"]
    lines = [visit, diary, {**visit, "person": PHONE}, {**visit, "note": f"{TEXT} {NAME}"}]
    ndjson = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + f"\n{TEXT}\n"
    worker = city.staff("grid_worker") | {"Idempotency-Key": str(uuid4()), "Content-Type": "application/x-ndjson"}
    done = await post("/intake/v1/activities/batch", 200, worker, content=ndjson.encode())
    assert [json.loads(line)["status"] for line in done.text.splitlines()] == [200, 201, 422, 422, 400]
    for url in (
        f"/intake/v1/activities/{visit['id']}",
        f"/intake/v1/activities/{diary['id']}",
        "/intake/v1/activities",
    ):
        answers.append((await city.http.get(url, headers=city.staff("grid_leader"))).text)
    acceptor, admin = city.staff("acceptor"), city.staff("admin")
    look = f"/intake/v1/reports/{taken['id']}/personal"
    await post(look, 403, json={"purpose": "return_visit"})
    await post(look, 422, acceptor, json={"purpose": PHONE})
    await post(look, 422, acceptor, json={"purpose": "return_visit", "note": TEXT * 10})
    at_visit = f"/intake/v1/activities/{visit['id']}/personal"
    await post(at_visit, 403, city.staff("grid_worker"), json={"purpose": "verification"})
    await post(at_visit, 422, acceptor, json={"purpose": NAME})
    await post("/intake/v1/personal/erasures", 422, admin, json={"activity": PHONE, "reason": "unlawful"})
    await post("/intake/v1/personal/erasures", 422, admin, json={"phone": PHONE, "email": EMAIL, "reason": "unlawful"})
    await post("/intake/v1/personal/erasures", 422, admin, json={"phone": PHONE, "reason": NAME})
    await post("/intake/v1/opt-out", 404, json={"code": PHONE})
    for path in (f"/intake/v1/reports/{taken['id']}", f"/notify/v1/track/{taken['tracking_code']}"):
        answers.append((await city.http.get(path, headers=city.app())).text)
    return answers, taken | {"visit": visit["id"]}


async def wait_for(what: Any, seconds: float = 20) -> Any:
    until = time.monotonic() + seconds
    while not (found := await what()):
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    return found


async def tables(folder: Path) -> dict[str, bytes]:
    """Every table of the city as COPY writes it, binary columns read as text too."""
    host = quote(str((folder / "postgres").resolve()), safe="")
    connection = await asyncpg.connect(f"postgresql://wangge@/wangge?host={host}")
    found = {}
    try:
        names = await connection.fetch(
            "SELECT schemaname AS schema, tablename AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for row in names:
            chunks: list[bytes] = []

            async def keep(data: bytes, chunks: list[bytes] = chunks) -> None:
                chunks.append(bytes(data))

            await connection.copy_from_table(row["name"], schema_name=row["schema"], output=keep, format="binary")
            found[f"{row['schema']}.{row['name']}"] = b"".join(chunks)
    finally:
        await connection.close()
    return found


def assert_nobody_named(where: str, content: bytes | str) -> None:
    data = content.encode() if isinstance(content, str) else content
    for mark in MARKS:
        escaped = mark.encode("unicode_escape"), mark.encode(), quote(mark).encode()
        assert not any(form in data for form in escaped), f"{mark} is in {where}"


@pytest.mark.slow
async def test_what_names_a_person_goes_in_by_every_door_and_comes_out_of_none(tmp_path: Path):
    folder = tmp_path / "data"
    async with outside() as (base, seen):
        settings = {
            "WANGGE_OTLP_ENDPOINT": base, "WANGGE_LOG_LEVEL": "debug", "WANGGE_SMS_URL": f"{base}/sms",
            "WANGGE_PUBLIC_URL": "https://city.example",
        }  # fmt: skip
        async with running(folder, "--no-demo", "--pack", PACK, **settings) as city:
            listed = await city.http.get("/intake/v1/areas", params={"level": "grid", "limit": 1}, headers=city.app())
            answers, taken = await through_every_door(city, listed.json()["items"][0])

            async def followed() -> Any:
                report = await city.http.get(f"/intake/v1/reports/{taken['id']}", headers=city.app())
                return report.json()["case_id"]

            case = await wait_for(followed)
            staff = city.staff("dispatcher")
            for path in (f"/dispatch/v1/cases/{case}", f"/dispatch/v1/cases/{case}/timeline", "/dispatch/v1/cases"):
                answers.append((await city.http.get(path, headers=staff)).text)
            answers.append(await stream(city))
            # The one way to see it, which is written down.
            look = f"/intake/v1/reports/{taken['id']}/personal"
            note = {"purpose": "return_visit", "note": f"will call {PHONE}"}
            headers = {**city.staff("acceptor"), "Idempotency-Key": str(uuid4())}
            shown = (await city.http.post(look, json=note, headers=headers)).json()
            assert (shown["description"], shown["reporter"]["name"], shown["reporter"]["phone"]) == (TEXT, NAME, PHONE)
            look_at = f"/intake/v1/activities/{taken['visit']}/personal"
            shown = (await city.http.post(look_at, json=note, headers=city.staff("acceptor"))).json()
            assert (shown["details"]["note"], shown["person"]["name"], shown["person"]["phone"]) == (TEXT, NAME, PHONE)
            log = await city.http.get("/intake/v1/personal/log", headers=city.staff("auditor"))
            read = [(entry["activity_id"], entry["report_id"]) for entry in log.json()["items"]]
            assert read == [(taken["visit"], None), (None, taken["id"])]
            answers.append(log.text)
            await told(seen, taken)
            for name, content in (await tables(folder)).items():
                assert_nobody_named(f"table {name}", content)
            for n, answer in enumerate(answers):
                assert_nobody_named(f"answer {n}: {answer[:300]}", answer)
            # Erased by the command a person types.
            done = await asyncio.to_thread(erase, folder)
            assert "1 keys destroyed, 1 reports, 2 activities" in done, done
            gone = await city.http.post(look_at, json={"purpose": "verification"}, headers=city.staff("acceptor"))
            assert gone.json()["type"] == "/problems/personal-erased"
            gone = await city.http.post(look, json={"purpose": "return_visit"}, headers=city.staff("acceptor"))
            assert gone.json()["type"] == "/problems/personal-erased"
            assert (await city.http.get(f"/intake/v1/reports/{taken['id']}", headers=city.app())).status_code == 200
        assert_nobody_named("the log", (tmp_path / "up.log").read_bytes())
        assert_nobody_named("the database's log", (folder / "postgres.log").read_bytes())
        assert b"POST /intake/v1/reports" in seen.spans
        assert_nobody_named("spans and metrics", bytes(seen.spans))
        assert taken["tracking_code"].encode() not in seen.spans


async def told(seen: Outside, taken: dict[str, Any]) -> None:
    """By day the reporter has a message; by night it waits."""
    pack = load(PACK)
    assert pack.messages.quiet is not None
    if Quiet(pack.messages.quiet.start, pack.messages.quiet.end, pack.zone).holds(datetime.now(UTC)):
        return

    async def sent() -> bool:
        mine = [text for text in seen.sms if taken["tracking_code"] in text]
        return any("was filed" in text for text in mine) and any("is on your report" in text for text in mine)

    await wait_for(sent)
    assert all(PHONE in text or OTHER_PHONE in text for text in seen.sms)


async def stream(city: City) -> str:
    """The whole log so far, as a command centre gets it."""
    params = {"area": "", "last_event_id": "0"}
    lines: list[str] = []
    headers = {**city.staff("subscriber"), "Last-Event-ID": "0"}
    async with city.http.stream("GET", "/notify/v1/stream", params=params, headers=headers) as answer:
        try:
            async with asyncio.timeout(3):
                async for line in answer.aiter_lines():
                    lines.append(line)
        except TimeoutError:
            pass
    found = "\n".join(lines)
    assert "report.received.v1" in found
    return found


def erase(folder: Path) -> str:
    host = quote(str((folder / "postgres").resolve()), safe="")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")}
    environment |= {
        "WANGGE_DATABASE_URL": f"postgresql://wangge@/wangge?host={host}",
        "WANGGE_DATA_DIR": str(folder),
        "WANGGE_PACK": PACK,
    }
    done = subprocess.run(
        [sys.executable, "-m", "services.city", "personal", "erase", "--phone", "-"],
        input=f"+86 {PHONE}\n", capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr
