"""Webhooks: signed, in order for each case, at least once, to places where they may go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.notify.commands.deliver import Lease, deliver
from services.notify.commands.sweep import sweep_log
from services.notify.commands.webhook_turns import claim, webhook_job
from shared.jobs import supervise
from shared.kernel.clock import utc_now
from tests.integration.notify.conftest import Notify, Running
from tests.integration.notify.feed import Case
from tests.integration.notify.receiver import Receiver, receiving

QUICK = {
    "webhook_private_targets": True,
    "webhook_first_retry": timedelta(milliseconds=50),
    "webhook_longest_retry": timedelta(milliseconds=200),
    "webhook_timeout_seconds": 2.0,
}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
async def sending(another: Running, own_database: str) -> AsyncIterator[Notify]:
    """A service on a database of its own with a worker that sends."""
    async with another(own_database, **QUICK) as notify, worker(notify):
        yield notify


@asynccontextmanager
async def worker(notify: Notify) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(supervise([webhook_job(notify.wired.deliver, notify.wired.appended)], stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def register(notify: Notify, url: str, **more: Any) -> dict[str, Any]:
    async with notify.client() as client:
        answer = await client.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def shown(notify: Notify, made: dict[str, Any]) -> dict[str, Any]:
    async with notify.client() as client:
        return dict((await client.get(f"/v1/webhooks/{made['id']}")).json())


async def until(notify: Notify, made: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            found = await shown(notify, made)
            if all(found[name] == value for name, value in wanted.items()):
                return found
            await asyncio.sleep(0.05)


async def test_an_event_arrives_signed_with_its_own_id(sending: Notify, receiver: Receiver) -> None:
    made = await register(sending, receiver.url, area="a", types=["case.filed.v1"])
    case = Case("a.1")
    record = case.fact("filed", "filed")
    await sending.append(Case("b.1").fact("filed"), case.fact("dispatched"), record)
    await receiver.until(1)
    await until(sending, made, behind=0)
    assert len(receiver.asked) == 1
    got = receiver.taken[0]
    assert got.headers["webhook-id"] == record.id
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    assert got.event["type"] == "case.filed.v1"
    assert Webhook(made["secret"]).verify(got.body, got.headers) == got.event
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(got.body + b" ", got.headers)


async def test_a_case_arrives_in_order_and_one_that_is_refused_holds_up_itself_alone(
    sending: Notify, receiver: Receiver
) -> None:
    made = await register(sending, receiver.url)
    stubborn, others = Case("a.1"), [Case(f"a.{n}") for n in range(20)]
    refusing = True
    receiver.answers = lambda got: 500 if refusing and got.subject == str(stubborn.id) else 200
    await sending.append(*stubborn.whole(), *(fact for case in others for fact in case.whole()))
    await receiver.until(100)
    assert all(got.subject != str(stubborn.id) for got in receiver.taken)
    found = await until(sending, made, waiting=5, behind=0)
    assert found["state"] == "active"
    await sending.append(stubborn.fact("reopened"))
    await until(sending, made, waiting=6)
    refusing = False
    await receiver.until(106)
    found = await until(sending, made, waiting=0)
    assert found["failures"] == 0
    for case in [stubborn, *others]:
        sequences = [got.sequence for got in receiver.taken if got.subject == str(case.id)]
        assert sequences == list(range(1, len(sequences) + 1))
    ids = [got.headers["webhook-id"] for got in receiver.asked if got.subject == str(stubborn.id)]
    assert len(ids) > len(set(ids)), "an event keeps its id when it is sent again"


async def test_a_receiver_that_is_down_is_left_in_peace_and_misses_nothing(sending: Notify, receiver: Receiver) -> None:
    made = await register(sending, receiver.url)
    down = True
    receiver.answers = lambda _: 503 if down else 200
    cases = [Case(f"a.{n}") for n in range(300)]
    await sending.append(*(case.fact("filed") for case in cases))
    await asyncio.sleep(1.0)
    assert len(receiver.asked) < 40
    found = await shown(sending, made)
    assert found["failures"] >= 5
    assert (found["last_status"], found["last_error"]) == (503, "the receiver answered 503")
    assert found["failing_since"] is not None
    assert found["behind"] > 0, "the cursor stands still"
    down = False
    await receiver.until(300)
    await until(sending, made, behind=0, waiting=0, failures=0)
    assert {got.subject for got in receiver.taken} == {str(case.id) for case in cases}


async def test_a_redirect_is_not_followed(sending: Notify, receiver: Receiver) -> None:
    made = await register(sending, receiver.url)
    receiver.answers = lambda _: 302
    await sending.append(Case("a").fact("filed"))
    found = await until(sending, made, last_status=302)
    assert found["waiting"] == 1


async def test_a_receiver_that_does_not_answer_counts_as_failed(
    another: Running, own_database: str, receiver: Receiver
) -> None:
    async with another(own_database, **{**QUICK, "webhook_timeout_seconds": 0.2}) as notify, worker(notify):
        made = await register(notify, receiver.url)
        receiver.slow = 1.0
        await notify.append(Case("a").fact("filed"))
        found = await until(notify, made, last_error="no answer within 0.2 s")
        assert found["last_status"] is None


async def test_after_failing_for_long_it_is_disabled_and_says_why_until_it_is_enabled(
    another: Running, own_database: str, receiver: Receiver
) -> None:
    impatient = {**QUICK, "webhook_give_up_after": timedelta(seconds=0.5)}
    async with another(own_database, **impatient) as notify, worker(notify):
        made = await register(notify, receiver.url)
        receiver.answers = lambda _: 500
        case = Case("a")
        await notify.append(case.fact("filed"))
        found = await until(notify, made, state="disabled")
        assert "500" in found["state_reason"]
        asked = len(receiver.asked)
        await notify.append(case.fact("dispatched"))
        await asyncio.sleep(0.5)
        assert len(receiver.asked) == asked
        receiver.answers = lambda _: 200
        async with notify.client() as client:
            answer = await client.post(f"/v1/webhooks/{made['id']}/enable")
        assert answer.json()["state"] == "active"
        await receiver.until(2)
        assert [got.sequence for got in receiver.taken] == [1, 2]


async def test_what_the_log_dropped_meanwhile_is_said(sending: Notify, receiver: Receiver) -> None:
    made = await register(sending, receiver.url)
    receiver.answers = lambda _: 410
    await sending.append(Case("a").fact("filed"))
    await until(sending, made, state="disabled")
    await sending.append(*Case("a").whole())
    assert await sweep_log(sending.wired.pool, utc_now, timedelta(seconds=-5)) == 6
    receiver.answers = lambda _: 200
    async with sending.client() as client:
        await client.post(f"/v1/webhooks/{made['id']}/enable")
    await sending.append(late := Case("a").fact("filed"))
    await receiver.until(2)
    assert {got.headers["webhook-id"] for got in receiver.taken} >= {late.id}
    assert (await until(sending, made, waiting=0, behind=0))["missed"] == 5


async def test_410_disables_at_once(sending: Notify, receiver: Receiver) -> None:
    made = await register(sending, receiver.url)
    receiver.answers = lambda _: 410
    await sending.append(Case("a").fact("filed"))
    found = await until(sending, made, state="disabled")
    assert found["state_reason"] == "the receiver answered 410 Gone"
    assert len(receiver.asked) == 1


async def test_two_workers_never_send_for_one_webhook_at_once(sending: Notify, receiver: Receiver) -> None:
    """With a second worker on the same database each event of a case still arrives once and in order."""
    await register(sending, receiver.url)
    receiver.slow = 0.01
    cases = [Case(f"a.{n}") for n in range(10)]
    async with worker(sending):
        for _ in range(8):
            await sending.append(*(case.fact("filed") for case in cases))
            await asyncio.sleep(0.05)
        await receiver.until(80)
        await asyncio.sleep(0.5)
    assert len(receiver.asked) == 80
    for case in cases:
        assert [got.sequence for got in receiver.taken if got.subject == str(case.id)] == list(range(1, 9))


async def test_a_turn_whose_lease_was_lost_changes_nothing(
    another: Running, own_database: str, receiver: Receiver
) -> None:
    async with another(own_database, **QUICK) as notify:
        await register(notify, receiver.url)
        await notify.append(Case("a").fact("filed"))
        do = notify.wired.deliver
        lease, until_, turns = await claim(do, 5)
        assert len(turns) == 1
        assert (await claim(do, 5))[2] == []
        await notify.wired.pool.execute("UPDATE notify.webhooks SET leased_until = now() - interval '1 second'")
        heir, heirs_until, again = await claim(do, 5)
        assert [turn.id for turn in again] == [turns[0].id]
        never = asyncio.Event()
        await deliver(do, turns[0], Lease(lease, until_, never))  # the zombie wakes
        position = await notify.wired.pool.fetchval("SELECT position FROM notify.webhooks")
        assert position == again[0].position
        await deliver(do, again[0], Lease(heir, heirs_until, never))
        assert [got.sequence for got in receiver.taken] == [1, 1], "at least once"
        assert receiver.taken[0].headers["webhook-id"] == receiver.taken[1].headers["webhook-id"]


async def test_a_turn_that_an_outage_cut_short_is_given_back_as_soon_as_the_database_is_there(
    sending: Notify, receiver: Receiver
) -> None:
    made = await register(sending, receiver.url)
    await sending.wired.pool.execute(
        """
        CREATE SEQUENCE public.stored;
        CREATE FUNCTION public.full_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('public.stored') = 1 THEN RAISE 'no space left on device' USING ERRCODE = '53100'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER full_once BEFORE UPDATE OF position ON notify.webhooks
        FOR EACH ROW EXECUTE FUNCTION public.full_once()
        """
    )
    await sending.append(Case("a").fact("filed"))
    await until(sending, made, behind=0)  # well before its lease of half a minute has run out
    assert [got.sequence for got in receiver.taken] == [1, 1], "at least once"


async def test_private_targets_are_refused_when_made_and_when_called(
    another: Running, own_database: str, receiver: Receiver
) -> None:
    async with another(own_database, **QUICK) as open_minded:
        made = await register(open_minded, receiver.url)
        await open_minded.append(Case("a").fact("filed"))
        async with another(own_database, **{**QUICK, "webhook_private_targets": False}) as strict:
            async with strict.client() as client:
                for url in (receiver.url, "http://localhost:1/", "http://[::1]/", "http://169.254.169.254/latest"):
                    answer = await client.post("/v1/webhooks", json={"url": url})
                    assert answer.status_code == 422
                    assert answer.json()["type"] == "/problems/webhook-target-not-allowed"
                    assert answer.json()["errors"][0]["pointer"] == "/url"
            async with worker(strict):
                async with asyncio.timeout(5):
                    while (await shown(strict, made))["last_error"] is None:
                        await asyncio.sleep(0.05)
            assert "private" in (await shown(strict, made))["last_error"]
    assert receiver.asked == []


async def test_a_webhook_hears_its_area_and_the_owners_units_only(sending: Notify, receiver: Receiver) -> None:
    await register(sending, receiver.url, area="a.1", types=["case.*"])
    inside, outside, moved = Case("a.1.1"), Case("a.12"), Case("a.1.2")
    await sending.append(outside.fact("filed"), inside.fact("filed"), moved.fact("corrected", to="a.2"))
    await receiver.until(2)
    await asyncio.sleep(0.2)
    assert {got.subject for got in receiver.asked} == {str(inside.id), str(moved.id)}


async def test_the_same_request_again_gets_the_same_answer(sending: Notify, receiver: Receiver) -> None:
    async with sending.client() as client:
        headers = {"Idempotency-Key": uuid4().hex}
        body = {"url": receiver.url}
        answers = [await client.post("/v1/webhooks", json=body, headers=headers) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        other = await client.post("/v1/webhooks", json={"url": receiver.url + "2"}, headers=headers)
        assert other.status_code == 422
        assert len((await client.get("/v1/webhooks")).json()["items"]) == 1


async def test_a_list_goes_on_by_cursor_and_shows_no_secret_and_nobody_elses(
    sending: Notify, receiver: Receiver
) -> None:
    made = [await register(sending, f"{receiver.url}/{n}") for n in range(5)]
    async with sending.client() as client:
        seen, cursor = [], None
        while True:
            page = (
                await client.get("/v1/webhooks", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
            ).json()
            assert all("secret" not in item for item in page["items"])
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == [each["id"] for each in made]
        assert (await client.get("/v1/webhooks", params={"cursor": "x"})).json()["type"] == "/problems/bad-cursor"
    async with sending.client(subject="somebody else") as client:
        assert (await client.get("/v1/webhooks")).json()["items"] == []
        assert (await client.get(f"/v1/webhooks/{made[0]['id']}")).status_code == 404
        assert (await client.delete(f"/v1/webhooks/{made[0]['id']}")).status_code == 404
        assert (await client.post(f"/v1/webhooks/{made[0]['id']}/enable")).status_code == 404
    async with sending.client() as client:
        assert (await client.delete(f"/v1/webhooks/{made[0]['id']}")).status_code == 204
        assert (await client.get(f"/v1/webhooks/{made[0]['id']}")).status_code == 404


async def test_who_may_not_is_refused_and_bad_input_names_its_field(another: Running) -> None:
    async with another(webhooks_per_owner=1, webhook_private_targets=True) as notify:
        async with httpx.AsyncClient(base_url=notify.base, trust_env=False) as nobody:
            assert (await nobody.get("/v1/webhooks")).status_code == 401
        async with notify.client(post="unit_clerk", unit="u") as clerk:
            assert (await clerk.post("/v1/webhooks", json={"url": "https://example.org"})).status_code == 403
        async with notify.client(area="a.1", subject=uuid4().hex) as client:
            answer = await client.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/", "area": "a.2"})
            assert answer.json()["type"] == "/problems/outside-scope"
            for body, pointer in (
                ({}, "/url"),
                ({"url": "ftp://x"}, "/url"),
                ({"url": 7}, "/url"),
                ({"url": "http://no.such.name.invalid/"}, "/url"),
                ({"url": "http://127.0.0.1:1/", "area": "a..b"}, "/area"),
                ({"url": "http://127.0.0.1:1/", "types": ["x"]}, "/types"),
                ({"url": "http://127.0.0.1:1/", "colour": "red"}, "/colour"),
                ({"url": "http://127.0.0.1:1/\x00"}, "/url"),
            ):
                answer = await client.post("/v1/webhooks", json=body)
                assert answer.status_code == 422, body
                assert answer.json()["errors"][0]["pointer"].startswith(pointer), body
            as_json = {"Content-Type": "application/json"}
            assert (await client.post("/v1/webhooks", content=b"{", headers=as_json)).status_code == 400
            assert (await client.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/"})).status_code == 201
            full = await client.post("/v1/webhooks", json={"url": "http://127.0.0.1:1/"})
            assert full.json()["type"] == "/problems/too-many-webhooks"
