"""The worker: facts come over the bus, each once; keys that are revoked close what they opened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from services.notify.commands.webhook_turns import claim
from services.notify.worker import worker_jobs
from shared.bus.event import Event
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.contracts import topics
from shared.jobs import supervise
from shared.keys import key_hash as hash_of
from shared.keys import new_key, write_keys
from shared.postgres import transaction
from tests.integration.notify.conftest import Notify, Running
from tests.integration.notify.feed import Case, report_record


@asynccontextmanager
async def working(notify: Notify) -> AsyncIterator[Outbox]:
    """The worker, and dispatch's outbox with its relay in place of dispatch."""
    await notify.wired.carrier.create_topics(topics.ALL)
    outbox = Outbox("dispatch", Wake())
    stop = asyncio.Event()
    jobs = [notify.wired.carrier.relay_job(notify.wired.pool, outbox), *worker_jobs(notify.wired)]
    running = asyncio.create_task(supervise(jobs, stop))
    try:
        yield outbox
    finally:
        stop.set()
        await running


async def publish(notify: Notify, outbox: Outbox, *records: Any) -> None:
    events = [
        Event(
            topic=r.topic,
            key=r.key,
            id=uuid4(),
            type=r.type,
            subject=r.subject,
            sequence=r.sequence,
            routing_key=r.routing_key,
            routing_key_from=r.routing_key_from,
            at=r.at,
            data=r.data,
        )
        for r in records
    ]
    async with transaction(notify.wired.pool) as tx:
        await outbox.add(tx, events)
    outbox.ring()


async def test_what_is_published_is_on_the_stream_once_and_in_order(another: Running, own_database: str) -> None:
    async with another(own_database) as notify, working(notify) as outbox, notify.hear("a") as heard:
        cases = [Case(f"a.{n}") for n in range(10)]
        report = uuid4()
        await publish(notify, outbox, report_record("a.1", "ABCDEFGHJKMN", report), cases[0].fact("opened", "reported"))
        for case in cases:
            await publish(notify, outbox, *case.whole())
        messages = await heard.take(52)
        for case in cases:
            sequences = [int(m.data["sequence"]) for m in messages if m.subject == str(case.id)]
            assert sequences == list(range(1, len(sequences) + 1))
        assert sorted(int(m.id) for m in messages) == [int(m.id) for m in messages]
        assert len({m.data["id"] for m in messages}) == 52


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def issue(
    notify: Notify, *, version: int = 1, key_id: str, key: str, family: str | None = None, **changed: Any
) -> None:
    fact = {
        "key_id": key_id,
        "name": "an app",
        "hash": hash_of(key),
        "scope": {
            "actions": ["stream:read", "webhooks:write"],
            "area": "k",
            "categories": ["10203"],
            "family": family,
        },
        "version": version,
        **changed,
    }
    async with transaction(notify.wired.pool) as tx:
        await write_keys(tx, "notify", [fact])


async def test_a_revoked_key_ends_its_streams_and_its_webhooks(another: Running, own_database: str) -> None:
    async with another(own_database, webhook_private_targets=True) as notify:
        key_id, key = new_key()
        await issue(notify, key_id=key_id, key=key)
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=notify.base, headers=headers, trust_env=False) as app:
            assert (await app.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/"})).status_code == 201
            async with app.stream("GET", "/v1/stream") as stream:
                lines = stream.aiter_lines()
                await anext(lines)
                other, ours = Case("k.1", category="999"), Case("k.1")
                await notify.append(Case("elsewhere").fact("filed"), other.fact("filed"), ours.fact("filed"))
                async with asyncio.timeout(5):
                    async for line in lines:
                        if line.startswith("data:"):
                            assert str(ours.id) in line, "its own area and its own categories alone"
                            break
                revoked = datetime.now(UTC)
                await issue(notify, key_id=key_id, key=key, version=2, revoked_at=revoked)
                async with asyncio.timeout(3):
                    rest = [line async for line in lines]
                assert "event: cut_off" in rest
                assert any("credentials_ended" in line for line in rest)
            assert (await app.get("/v1/stream")).status_code == 401
        assert (await claim(notify.wired.deliver, 5))[2] == []


async def test_a_rotated_key_leaves_its_webhooks_to_the_one_in_its_place(another: Running, own_database: str) -> None:
    async with another(own_database, webhook_private_targets=True) as notify:
        (old_id, old), (new_id, new) = new_key(), new_key()
        await issue(notify, key_id=old_id, key=old)
        app = httpx.AsyncClient(base_url=notify.base, trust_env=False)
        made = await app.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/"}, headers=bearer(old))
        assert made.status_code == 201, made.text
        await notify.append(Case("k.1").fact("filed"))
        await issue(notify, key_id=old_id, key=old, version=2, family=old_id, expires_at=datetime.now(UTC))
        await issue(notify, key_id=new_id, key=new, family=old_id)
        mine = await app.get("/v1/webhooks", headers=bearer(new))
        assert [each["id"] for each in mine.json()["items"]] == [made.json()["id"]]
        assert len((await claim(notify.wired.deliver, 5))[2]) == 1
        await notify.wired.pool.execute("UPDATE notify.webhooks SET leased_until = NULL")
        await issue(notify, key_id=new_id, key=new, version=2, family=old_id, revoked_at=datetime.now(UTC))
        assert (await claim(notify.wired.deliver, 5))[2] == []
        await app.aclose()


async def test_a_client_that_reads_nothing_is_let_go_even_while_it_catches_up(
    another: Running, own_database: str
) -> None:
    async with another(own_database, stream_stuck_seconds=0.5, stream_keep_events=5) as notify:
        for _ in range(60):
            await notify.append(*(Case("a").fact("filed", opinion="x" * 20_000) for _ in range(10)))
        host, port = notify.base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**16)
        writer.write(
            f"GET /v1/stream?last_event_id=0 HTTP/1.1\r\nHost: x\r\nAuthorization: {notify.token()}\r\n\r\n".encode()
        )
        await reader.readuntil(b"stream from")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            while len(notify.wired.streams):
                await asyncio.sleep(0.05)
        writer.close()


async def test_the_database_put_back_to_an_earlier_state_is_noticed(another: Running, own_database: str) -> None:
    from services.notify.queries.tail import _check_still_ours

    async with another(own_database) as notify:
        await notify.append(*Case("a").whole())
        async with asyncio.timeout(5):
            while notify.wired.live.position < 5:
                await asyncio.sleep(0.01)
        await notify.wired.pool.execute("DELETE FROM notify.log WHERE position > 2")
        await notify.wired.pool.execute("UPDATE notify.head SET position = 2")
        await _check_still_ours(notify.wired.pool, notify.wired.live)
        async with notify.hear("a") as heard:
            await notify.append(Case("a").fact("filed"))
            assert (await heard.next()).id == "3"


async def test_the_worker_sweeps_what_is_older_than_the_setting(another: Running, own_database: str) -> None:
    async with another(own_database, stream_log_days=1) as notify:
        await notify.append(*Case("a").whole())
        await notify.wired.pool.execute("UPDATE notify.log SET appended_at = now() - $1::interval", timedelta(days=2))
        async with working(notify), asyncio.timeout(5):
            while await notify.wired.pool.fetchval("SELECT count(*) FROM notify.log"):
                await asyncio.sleep(0.05)
        assert await notify.wired.pool.fetchval("SELECT oldest FROM notify.kept") == 6
