"""Messages to reporters: by which way, when, in which words; what is posted to a gateway."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr, ValidationError

from services.intake.channels.sms import filled
from services.intake.domain.messages import Patience, Quiet, Result, render, way
from services.intake.settings import IntakeSettings
from shared.packs import load
from shared.packs.model import Messages, QuietHours, Text

SHANGHAI = ZoneInfo("Asia/Shanghai")
PATIENCE = Patience(timedelta(seconds=30), timedelta(hours=1), timedelta(days=1))


@pytest.mark.parametrize(
    ("hours", "at", "held"),
    [
        ((21, 8), "2026-11-23T20:59:59+08:00", False),
        ((21, 8), "2026-11-23T21:00:00+08:00", True),
        ((21, 8), "2026-11-24T07:59:59+08:00", True),
        ((21, 8), "2026-11-24T08:00:00+08:00", False),
        ((21, 8), "2026-11-23T14:00:00+00:00", True),  # 22:00 in Shanghai
        ((12, 14), "2026-11-23T13:00:00+08:00", True),
        ((12, 14), "2026-11-23T14:00:00+08:00", False),
    ],
)
def test_quiet_hours_are_those_of_the_city(hours: tuple[int, int], at: str, held: bool):
    quiet = Quiet(time(hours[0]), time(hours[1]), SHANGHAI)
    assert quiet.holds(datetime.fromisoformat(at).astimezone(UTC)) is held


def test_waiting_doubles_up_to_an_hour_and_a_gateway_may_ask_for_longer():
    later = Result("later")
    assert [PATIENCE.next_try(n, later).total_seconds() for n in (1, 2, 3, 8, 50)] == [30, 60, 120, 3600, 3600]
    assert PATIENCE.next_try(1, Result("later", after=90.0)).total_seconds() == 90
    assert PATIENCE.next_try(1, Result("later", after=10.0)).total_seconds() == 30
    assert PATIENCE.next_try(1, Result("later", after=1e9)).total_seconds() == 3600


def test_a_text_message_goes_before_an_e_mail():
    assert way("138", "a@b.cn", ["sms", "email"]) == ("sms", "138")
    assert way("138", "a@b.cn", ["email"]) == ("email", "a@b.cn")
    assert way("138", None, ["email"]) == "no_channel"
    assert way("138", None, []) == "no_channel"
    assert way(None, None, ["sms", "email"]) == "no_contact"


def test_what_is_filled_in_is_not_read_again():
    assert render("{category} {code} {other}", {"category": "{code}", "code": "X"}) == "{code} X {other}"


def test_no_text_breaks_out_of_its_place_in_the_json():
    body = {"to": "{phone}", "data": [{"sms": "【城管】{text}"}, 7], "id": "{id}"}
    values = {"phone": "138", "text": '"}], "to": "110 {phone}', "id": "r.filed"}
    assert filled(body, values) == {
        "to": "138", "data": [{"sms": '【城管】"}], "to": "110 {phone}'}, 7], "id": "r.filed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"sms_url": "http://127.0.0.1/"}, "need WANGGE_PUBLIC_URL"),
        ({"smtp_host": "mail", "public_url": "https://x"}, "needs WANGGE_SMTP_FROM"),
        ({"sms_url": "ftp://x", "public_url": "https://x"}, "must be an http or https address"),
        ({"sms_body": "{phone}"}, "is not JSON"),
        ({"sms_body": '{"to": "{phone}"}'}, "must hold"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(given: Any, complaint: str):
    with pytest.raises(ValidationError, match=complaint):
        IntakeSettings(**given)
    IntakeSettings(sms_secret=SecretStr("s"), sms_url="http://gateway/", public_url="https://city.example")


def test_the_packs_have_words_for_every_occasion():
    for name in ("haidian", "nyc-311"):
        pack = load(name)
        assert set(pack.messages.texts) == {"filed", "dispatched", "closed", "rejected"}
        assert pack.messages.quiet == QuietHours(start=time(21), end=time(8))
        assert pack.privacy.keep_months == 24
        for text in pack.messages.texts.values():
            for line in (text.zh, text.en):
                assert "{code}" in line
                assert "{stop}" in line


def test_a_place_that_nothing_fills_and_hours_without_end_are_refused():
    with pytest.raises(ValidationError, match="none of category, code, stop"):
        Messages(texts={"filed": Text(zh="{phone}", en="x")})
    with pytest.raises(ValidationError, match="leave some of the day"):
        QuietHours(start=time(8), end=time(8))
