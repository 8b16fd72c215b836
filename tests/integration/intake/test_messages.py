"""Reporters are told: through a gateway and a mail server, once, when it is time, and not when they decline it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from pydantic import SecretStr

from services.intake.commands.send_messages import LEASE, Teller
from services.intake.consumers import subscriptions
from shared.bus.event import Record
from shared.contracts.intake import MessageFailed, MessageSent
from shared.contracts.topics import MESSAGES
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.intake.conftest import Place, city, demo_areas, grid
from tests.integration.intake.told import SECRET, Gateway, Mailbox, gateway, mail_server

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # in Shanghai
NIGHT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
LINK = "https://city.example/intake/v1/opt-out#"


@dataclass
class Told:
    """A city with its ways to tell people, its clock standing where a test puts it."""

    place: Place
    sms: Gateway
    mail: Mailbox
    now: datetime = NOON

    @property
    def teller(self) -> Teller:
        return replace(self.place.wired.teller, clock=lambda: self.now)

    async def report(self, **reporter: str) -> dict[str, Any]:
        answer = await self.place.post(self.place.body(reporter=reporter))
        taken: dict[str, Any] = answer.json()
        return taken

    async def due(self, report: str, template: str = "filed", at: datetime = NOON) -> None:
        data = {"report_id": report, "template": template, "routing_key": grid(1, 1), "at": at.isoformat()}
        record = Record(
            MESSAGES.name, 0, 0, grid(1, 1), str(uuid7()), "message.due.v1", "/wangge/notify", f"{report}.{template}",
            1, grid(1, 1), None, at, orjson.dumps(data), None,
        )  # fmt: skip
        (subscription,) = subscriptions(self.place.wired)
        async with transaction(self.place.wired.pool) as tx:
            await subscription.topics[MESSAGES.name](tx, [record])

    async def state(self, report: str, template: str = "filed") -> Any:
        return await self.place.wired.pool.fetchrow(
            "SELECT state, reason, attempts, next_at FROM intake.messages WHERE report_id = $1 AND template = $2",
            UUID(report), template,
        )  # fmt: skip

    async def fact(self, report: str, template: str = "filed") -> Any:
        rows = await self.place.facts(f"{report}.{template}")
        assert len(rows) == 1
        assert (rows[0]["topic"], rows[0]["sequence"]) == ("wangge.intake.messages.v1", 1)
        kind = MessageSent if rows[0]["type"] == MessageSent.TYPE else MessageFailed
        return kind.model_validate_json(rows[0]["data"])


@pytest.fixture(scope="session")
async def teller(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    folder = tmp_path_factory.mktemp("told")
    async with gateway() as sms, mail_server(folder) as (port, ca, box):
        settings = {
            "public_url": "https://city.example/",
            "sms_url": sms.url,
            "sms_secret": SecretStr(SECRET),
            "sms_body": '{"mobile": "{phone}", "content": "【海淀】{text}", "ref": "{id}"}',
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "smtp_ca_file": ca,
            "smtp_from": "grid@city.example",
            "message_timeout_seconds": 3,
        }
        async with city(postgres_dsn, folder, demo_areas(), **settings) as place:
            yield Told(place, sms, box)


@pytest.fixture
async def told(teller: Told) -> Told:
    """With nothing due, nothing sent, nothing refused yet."""
    await teller.place.wired.pool.execute("TRUNCATE intake.messages")
    teller.sms.fresh()
    teller.mail.fresh()
    teller.now = NOON
    return teller


def number() -> str:
    return f"139{uuid4().int % 10**8:08d}"


async def test_a_reporter_with_a_telephone_is_sent_a_text_message_once(told: Told):
    phone = number()
    taken = await told.report(phone=phone, email="wang@example.org")
    await told.due(taken["id"])
    await told.due(taken["id"])
    await told.teller.send()
    await told.teller.send()
    ((headers, body),) = told.sms.asked
    assert (headers["idempotency-key"], headers["content-type"]) == (f"{taken['id']}.filed", "application/json")
    assert (body["mobile"], body["ref"]) == (phone, f"{taken['id']}.filed")
    assert body["content"].startswith("【海淀】您反映的“")
    assert f"查询码 {taken['tracking_code']}。退订：{LINK}{taken['tracking_code']}" in body["content"]
    assert told.mail.mails == []
    assert (await told.state(taken["id"]))["state"] == "sent"
    fact = await told.fact(taken["id"])
    assert (fact.channel, fact.attempts) == ("sms", 1)
    assert phone not in fact.model_dump_json()


async def test_a_reporter_with_an_address_alone_is_sent_an_e_mail_over_starttls(told: Told):
    taken = await told.report(email="Wang.Fang@Example.org")
    await told.due(taken["id"], "closed")
    await told.teller.send()
    (mail,) = told.mail.mails
    assert told.mail.encrypted == [True]
    assert (mail["To"], mail["From"]) == ("wang.fang@example.org", "grid@city.example")
    assert mail["Message-ID"] == f"<{taken['id']}.closed@city.example>"
    assert mail["List-Unsubscribe"] == f"<{LINK}{taken['tracking_code']}>"
    assert str(make_header(decode_header(mail["Subject"]))) == "您的上报有新进展"
    text = mail.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert "已结案" in text.decode()
    assert (await told.fact(taken["id"], "closed")).channel == "email"


async def test_a_gateway_that_is_away_is_asked_again_later_and_the_message_is_sent_once(told: Told):
    taken = await told.report(phone=number())
    await told.due(taken["id"])
    told.sms.answers = [(503, {}), (429, {"Retry-After": "600"}), (200, {})]
    for expected in (timedelta(seconds=30), timedelta(seconds=600)):
        await told.teller.send()
        row = await told.state(taken["id"])
        assert (row["state"], row["next_at"]) == ("waiting", told.now + expected)
        await told.teller.send()  # not before its time
        told.now = row["next_at"]
    await told.teller.send()
    assert (await told.state(taken["id"]))["state"] == "sent"
    assert len(told.sms.asked) == 3
    assert {headers["idempotency-key"] for headers, _ in told.sms.asked} == {f"{taken['id']}.filed"}
    assert (await told.fact(taken["id"])).attempts == 3


async def test_a_gateway_that_does_not_answer_in_time_is_asked_again(told: Told):
    taken = await told.report(phone=number())
    await told.due(taken["id"])
    told.sms.after = 3.5
    await told.teller.send()
    assert (await told.state(taken["id"]))["state"] == "waiting"


async def test_what_a_gateway_refuses_is_not_tried_again(told: Told):
    taken = await told.report(phone=number())
    await told.due(taken["id"])
    told.sms.answers = [(400, {})]
    await told.teller.send()
    row = await told.state(taken["id"])
    assert (row["state"], row["reason"]) == ("failed", "refused")
    assert (await told.fact(taken["id"])).reason == "refused"
    told.now += timedelta(days=1)
    await told.teller.send()
    assert len(told.sms.asked) == 1


async def test_after_a_day_a_message_is_given_up(told: Told):
    taken = await told.report(phone=number())
    await told.due(taken["id"])
    told.sms.answers = [(500, {})] * 2
    await told.teller.send()
    told.now += timedelta(days=1)
    await told.teller.send()
    assert (await told.fact(taken["id"])).reason == "gave_up"


@pytest.mark.parametrize(("answer", "state", "reason"), [("450", "waiting", None), ("550", "failed", "refused")])
async def test_a_mail_server_refuses_for_now_or_for_good(told: Told, answer: str, state: str, reason: str | None):
    taken = await told.report(email="nobody@example.org")
    await told.due(taken["id"])
    told.mail.refuse = [answer]
    await told.teller.send()
    row = await told.state(taken["id"])
    assert (row["state"], row["reason"]) == (state, reason)


async def test_a_mail_server_that_cannot_show_who_it_is_gets_nothing(told: Told):
    from services.intake.channels.mail import Mail

    wired = told.place.wired
    stranger = wired.settings.model_copy(update={"smtp_ca_file": None})
    teller = replace(told.teller, ways={"email": Mail(stranger, wired.clock)})
    taken = await told.report(email="wang@example.org")
    await told.due(taken["id"])
    await teller.send()
    assert (await told.state(taken["id"]))["state"] == "waiting"
    assert told.mail.mails == []


async def test_at_night_nobody_is_sent_anything_and_in_the_morning_they_are(told: Told):
    taken = await told.report(phone=number())
    told.now = NIGHT
    await told.due(taken["id"], at=NIGHT)
    await told.teller.send()
    assert told.sms.asked == []
    told.now = NIGHT + timedelta(hours=9)  # eight in the morning
    await told.teller.send()
    assert len(told.sms.asked) == 1


async def test_whoever_declines_hears_no_more_of_any_report(told: Told):
    phone = number()
    one, other = [await told.report(phone=phone) for _ in range(2)]
    page = await told.place.http.get("/intake/v1/opt-out")
    assert page.status_code == 200
    assert "script-src 'sha256-" in page.headers["content-security-policy"]
    code = one["tracking_code"].lower()
    for _ in range(2):
        said = await told.place.http.post("/intake/v1/opt-out", json={"code": f"{code[:4]}-{code[4:]}"})
        assert said.status_code == 204
    for taken in (one, other):
        await told.due(taken["id"])
    await told.teller.send()
    assert told.sms.asked == []
    for taken in (one, other):
        assert (await told.fact(taken["id"])).reason == "opted_out"
    nobody = await told.place.http.post("/intake/v1/opt-out", json={"code": "ABCDEFGHJKMN"})
    assert (nobody.status_code, nobody.json()["type"]) == (404, "/problems/no-such-reporter")


async def test_an_erased_person_is_not_told(told: Told):
    taken = await told.report(phone=number())
    await told.due(taken["id"])
    sent = {"report": taken["id"], "reason": "subject_request"}
    await told.place.http.post("/intake/v1/personal/erasures", json=sent, headers=told.place.staff("admin"))
    await told.teller.send()
    assert told.sms.asked == []
    assert (await told.fact(taken["id"])).reason == "no_contact"


async def test_without_a_gateway_it_is_said_that_nobody_was_told(told: Told):
    taken = await told.report(phone=number())
    await told.due(taken["id"])
    await replace(told.teller, ways={}).send()
    assert (await told.fact(taken["id"])).reason == "no_channel"


async def test_an_occasion_that_the_pack_has_no_words_for_is_passed_over(told: Told):
    taken = await told.report(phone=number())
    await told.due(taken["id"], "verified")
    assert await told.state(taken["id"], "verified") is None


async def test_one_that_cannot_even_be_tried_costs_its_neighbours_nothing(told: Told):
    class Broken:
        async def send(self, message: Any) -> Any:
            raise RuntimeError(message.to)

    phone, mail = await told.report(phone=number()), await told.report(email="wang@example.org")
    for taken in (phone, mail):
        await told.due(taken["id"])
    await replace(told.teller, ways={**told.teller.ways, "email": Broken()}).send()
    assert (await told.state(phone["id"]))["state"] == "sent"
    assert (await told.state(mail["id"]))["state"] == "waiting"


async def test_a_sender_that_dies_leaves_its_message_to_another_under_the_same_id(told: Told):
    from services.intake.store import messages as store

    taken = await told.report(phone=number())
    await told.due(taken["id"])
    async with transaction(told.place.wired.pool) as tx:
        claimed = await store.claim(tx, told.now, told.now + LEASE, 10)
    assert [one.attempts for one in claimed] == [1]
    told.sms.delivered[f"{taken['id']}.filed"] = "by the one that died"
    await told.teller.send()
    assert told.sms.asked == []
    told.now += LEASE
    await told.teller.send()
    assert len(told.sms.asked) == 1
    assert told.sms.delivered == {f"{taken['id']}.filed": "by the one that died"}
    assert (await told.fact(taken["id"])).attempts == 2


async def test_two_senders_share_what_is_due(told: Told):
    import asyncio

    reports = [await told.report(phone=number()) for _ in range(40)]
    for taken in reports:
        await told.due(taken["id"])

    async def work() -> None:
        while await told.teller.send():
            pass

    await asyncio.gather(work(), work(), work())
    await work()
    assert len(told.sms.asked) == len(told.sms.delivered) == 40
