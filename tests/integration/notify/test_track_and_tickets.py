"""Tracking by code, tickets, the log's writer, and that every statement is one."""

import asyncio
import importlib
import pkgutil
from datetime import timedelta
from uuid import uuid4

import asyncpg
import httpx

from services.notify import store
from services.notify.commands.sweep import sweep_tickets
from shared.kernel.clock import utc_now
from shared.kernel.ids import tracking_code
from tests.integration.notify.conftest import Notify, Running
from tests.integration.notify.feed import START, Case, report_record


async def get_track(notify: Notify, code: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=notify.base, trust_env=False) as anybody:
        return await anybody.get(f"/v1/track/{code}")


async def test_a_code_shows_the_way_of_the_report_and_no_more(notify: Notify, area: str) -> None:
    code, report = tracking_code(), uuid4()
    assert (await get_track(notify, code)).status_code == 404
    await notify.append(report_record(f"{area}.1", code, report))
    first = (await get_track(notify, code)).json()
    assert first["status"] == "received"
    case = Case(f"{area}.1", reports=[report])
    await notify.append(*case.whole(), case.fact("warned", stage="handle"))
    answer = await get_track(notify, f"{code[:4]}-{code[4:8].lower()}-{code[8:]}")
    found = answer.json()
    assert found["status"] == "closed"
    assert found["label"] == {"zh": "已结案", "en": "closed"}
    assert [step["status"] for step in found["steps"]] == [
        "received",
        "reported",
        "accepted",
        "filed",
        "dispatched",
        "closed",
    ]
    assert found["steps"][0]["at"] == START.isoformat().replace("+00:00", "Z")
    assert set(found) == {"status", "label", "steps"}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_case_known_before_its_report_and_two_reports_of_one_case(notify: Notify, area: str) -> None:
    codes, reports = [tracking_code(), tracking_code()], [uuid4(), uuid4()]
    case = Case(f"{area}.1", reports=reports)
    await notify.append(*case.whole())
    for code, report in zip(codes, reports, strict=True):
        await notify.append(report_record(f"{area}.1", code, report))
        assert (await get_track(notify, code)).json()["status"] == "closed"


async def test_an_unknown_code_is_404_and_an_odd_one_too(notify: Notify) -> None:
    for code in ("ABCDEFGHJKMN", "x" * 64, "中文"):
        answer = await get_track(notify, code)
        assert answer.status_code == 404, code
        assert answer.json()["type"] == "/problems/tracking-code-unknown"
    for code in ("x" * 65, "%00"):
        assert (await get_track(notify, code)).status_code == 422


async def test_who_looks_up_too_often_waits(another: Running) -> None:
    async with another(track_per_second=1) as notify:
        answers = [await get_track(notify, "ABCDEFGHJKMN") for _ in range(7)]
        assert [a.status_code for a in answers[:5]] == [404] * 5
        assert answers[-1].status_code == 429
        assert answers[-1].headers["retry-after"] == "1"


async def test_a_ticket_opens_a_stream_on_any_replica_with_its_makers_area_for_a_minute(
    notify: Notify, another: Running, area: str
) -> None:
    async with notify.client(area=f"{area}.1") as client:
        answer = await client.post("/v1/stream-tickets")
    assert answer.status_code == 201
    ticket = answer.json()["ticket"]
    async with another() as replica, httpx.AsyncClient(base_url=replica.base, trust_env=False) as browser:
        outside = await browser.get("/v1/stream", params={"ticket": ticket, "area": f"{area}.2"})
        assert outside.status_code == 403
        async with browser.stream("GET", "/v1/stream", params={"ticket": ticket}) as stream:
            assert stream.status_code == 200
            lines = stream.aiter_lines()
            await anext(lines)
            mine = Case(f"{area}.1.1")
            await notify.append(Case(f"{area}.2").fact("filed"), mine.fact("filed"))
            async with asyncio.timeout(5):
                async for line in lines:
                    if line.startswith("data:"):
                        assert str(mine.id) in line
                        break
        assert (await browser.post("/v1/webhooks", params={"ticket": ticket}, json={})).status_code == 401
    await notify.wired.pool.execute("UPDATE notify.stream_tickets SET expires_at = now() - interval '1 second'")
    async with httpx.AsyncClient(base_url=notify.base, trust_env=False) as browser:
        late = await browser.get("/v1/stream", params={"ticket": ticket})
        assert late.json()["type"] == "/problems/bad-stream-ticket"
    assert await sweep_tickets(notify.wired.pool, utc_now) >= 1


async def test_a_ticket_is_for_those_who_may_listen(notify: Notify) -> None:
    async with httpx.AsyncClient(base_url=notify.base, trust_env=False) as nobody:
        assert (await nobody.post("/v1/stream-tickets")).status_code == 401


async def test_concurrent_batches_are_appended_without_a_gap(another: Running, own_database: str) -> None:
    async with another(own_database) as notify, notify.hear(last="0") as heard:
        batches = [[Case(f"a.{n}").fact("filed") for _ in range(7)] for n in range(30)]
        await asyncio.gather(*(notify.append(*batch) for batch in batches))
        messages = await heard.take(210)
        assert [int(m.id) for m in messages] == list(range(1, 211))
        ids = [m.data["id"] for m in messages]
        for batch in batches:
            at = ids.index(batch[0].id)
            assert ids[at : at + 7] == [record.id for record in batch]


async def test_a_batch_that_is_rolled_back_leaves_no_hole(another: Running, own_database: str) -> None:
    from services.notify.commands.append_facts import append_cases
    from shared.postgres import transaction

    class Thrown(Exception):
        pass

    async with another(own_database) as notify:
        try:
            async with transaction(notify.wired.pool) as tx:
                await append_cases(tx, Case("a").whole())
                raise Thrown
        except Thrown:
            pass
        await notify.append(Case("a").fact("filed"))
        assert await notify.wired.pool.fetchval("SELECT array_agg(position) FROM notify.log") == [1]


async def test_the_head_stays_when_everything_was_swept(another: Running, own_database: str) -> None:
    from services.notify.commands.sweep import sweep_log

    async with another(own_database) as notify:
        await notify.append(*Case("a").whole())
        assert await sweep_log(notify.wired.pool, utc_now, timedelta(seconds=-5)) == 5
        async with notify.hear(last="5") as heard:
            record = Case("a").fact("filed")
            await notify.append(record)
            assert (await heard.next()).id == "6"
    async with another(own_database) as fresh, fresh.hear(last="2") as heard:
        assert (await heard.next()).event == "reset"
        assert (await heard.next()).data["id"] == record.id


async def test_every_statement_is_understood_by_postgres(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        count = 0
        for module in pkgutil.iter_modules(store.__path__):
            found = vars(importlib.import_module(f"services.notify.store.{module.name}"))
            for name, statement in found.items():
                if isinstance(statement, str) and name.isupper() and not name.startswith("_"):
                    await connection.prepare(statement)
                    count += 1
        assert count > 20
    finally:
        await connection.close()
