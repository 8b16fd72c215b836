"""Tracking by code, tickets, the log's writer, and that every statement is one."""

import asyncio
import base64
import hashlib
import importlib
import pkgutil
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import orjson

from services.notify import store
from services.notify.commands.sweep import sweep_tickets
from shared.bus.event import Record
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
        answers = await asyncio.gather(*(get_track(notify, "ABCDEFGHJKMN") for _ in range(20)))
        assert sum(a.status_code == 404 for a in answers) >= 5
        late = [a for a in answers if a.status_code == 429]
        assert late
        assert late[0].headers["retry-after"] == "1"


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


def withdrawn_record(area: str, report: UUID, at: datetime) -> Record:
    """report.withdrawn"""
    data = {"report_id": str(report), "routing_key": area, "at": at.isoformat(), "reason": "看错了", "version": 2}
    received = report_record(area, "ABCDEFGHJKMN", report)
    return received._replace(id=str(uuid4()), type="report.withdrawn.v1", sequence=2, at=at, data=orjson.dumps(data))


async def test_a_report_that_was_taken_back_says_so(notify: Notify, area: str) -> None:
    code, report = tracking_code(), uuid4()
    case = Case(f"{area}.1", reports=[report])
    at = START + timedelta(minutes=3)
    await notify.append(report_record(f"{area}.1", code, report), withdrawn_record(f"{area}.1", report, at))
    assert (await get_track(notify, code)).json()["status"] == "withdrawn"
    await notify.append(case.fact("opened", "reported"), case.fact("voided", "voided"))
    found = (await get_track(notify, code)).json()
    assert [step["status"] for step in found["steps"]] == ["received", "reported", "withdrawn"]
    assert found["label"] == {"zh": "已撤回", "en": "withdrawn"}


async def page(notify: Notify, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=notify.base, trust_env=False) as anybody:
        return await anybody.get(path)


async def test_the_page_tells_a_reporter_in_both_languages_and_names_nobody(notify: Notify, area: str) -> None:
    code, report = tracking_code(), uuid4()
    await notify.append(report_record(f"{area}.1", code, report))
    answer = await page(notify, f"/track/{code}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "已接收" in answer.text
    assert "received" in answer.text
    assert f"/intake/v1/reports/{report}/withdrawal" in answer.text
    assert area not in answer.text
    assert "a cover is missing" not in answer.text
    local = f"{START.astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%d %H:%M}"
    assert f'<time datetime="{START.isoformat()}">{local}</time>' in answer.text
    await notify.append(*Case(f"{area}.1", reports=[report]).whole())
    closed = (await page(notify, f"/track/{code}")).text
    assert "已结案" in closed
    assert "data-post" not in closed, "nothing can be done with it any more"


async def test_the_page_s_policy_lets_in_its_own_style_and_script_alone(notify: Notify, area: str) -> None:
    code = tracking_code()
    await notify.append(report_record(f"{area}.1", code, uuid4()))
    answer = await page(notify, f"/track/{code}")
    policy = answer.headers["content-security-policy"]
    for kind, tag in (("style", "style"), ("script", 'script type="module"')):
        inside = answer.text.partition(f"<{tag}>")[2].partition(f"</{kind}>")[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_who_has_no_code_or_a_wrong_one_is_asked_for_it(notify: Notify) -> None:
    asked = await page(notify, "/track")
    assert asked.status_code == 200
    assert 'name="code"' in asked.text
    way = await page(notify, "/track?code=abcd-efgh%20jkmn")
    assert (way.status_code, way.headers["location"]) == (303, "/track/abcd-efgh%20jkmn")
    for code in ("ABCDEFGHJKMN", "%3Cscript%3Ealert(1)", "x" * 500, "中文"):
        wrong = await page(notify, f"/track/{code}")
        assert wrong.status_code == 404, code
        assert "没有这个查询码" in wrong.text
        assert "<script>alert" not in wrong.text


async def test_the_page_holds_to_the_same_rate(another: Running) -> None:
    async with another(track_per_second=1) as notify:
        answers = await asyncio.gather(*(page(notify, "/track/ABCDEFGHJKMN") for _ in range(20)))
        late = [answer for answer in answers if answer.status_code == 429]
        assert late
        assert "过于频繁" in late[0].text
