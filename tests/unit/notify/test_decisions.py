"""Where a stream starts, what a tracking code shows, when a webhook is tried again and when it is given up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain.allowance import Allowance
from services.notify.domain.frame import cut_off, prefixes_of, render, reset
from services.notify.domain.interest import BadEventTypes, Interest, wanted_area
from services.notify.domain.live import BadStreamToken, Start, read_token, start_of
from services.notify.domain.standing import Outcome, Patience, Standing
from services.notify.domain.track import LABELS, Step, label, steps_of
from services.notify.domain.webhook import (
    DOWN_AFTER,
    BadWebhookUrl,
    TargetNotAllowed,
    allowed_address,
    is_public,
    read_target,
    retry_after,
)
from shared.kernel.area import AreaPath, BadAreaPath

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PATIENCE = Patience(timedelta(seconds=2), timedelta(minutes=10), timedelta(days=3))


@pytest.mark.parametrize(
    ("token", "start"),
    [
        (None, Start(100)),
        (0, Start(50)),
        (50, Start(50)),
        (75, Start(75)),
        (100, Start(100)),
        (49, Start(50, "older_than_the_log")),
        (101, Start(100, "ahead_of_the_log")),
    ],
)
def test_where_a_stream_starts(token: int | None, start: Start) -> None:
    assert start_of(token, oldest=51, newest=100) == start


def test_an_empty_log_resumes_without_a_reset() -> None:
    assert start_of(7, oldest=8, newest=7) == Start(7)
    assert start_of(0, oldest=1, newest=0) == Start(0)


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "٣", " 1", "9" * 19])
def test_what_is_no_token_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BadStreamToken) as refused:
        read_token(text, "?last_event_id")
    assert refused.value.errors[0].pointer == "?last_event_id"


def test_no_token_is_not_zero() -> None:
    assert read_token(None, "") is None
    assert read_token("", "") is None
    assert read_token("0", "") == 0


def test_frames_follow_the_format_of_server_sent_events() -> None:
    assert render(7, "case.filed.v1", b'{"a":1}') == b'id: 7\nevent: case.filed.v1\ndata: {"a":1}\n\n'
    assert cut_off("too_slow", 7).startswith(b"id: 7\nevent: cut_off\n")
    assert reset("older_than_the_log", 7).endswith(b'"continues_from":"7"}\n\n')


def test_prefixes_name_each_area_once() -> None:
    assert prefixes_of("a.b") == ("", "a", "a.b")
    assert prefixes_of("a.b", "a.b") == ("", "a", "a.b")
    assert prefixes_of("a.b", "a.c") == ("", "a", "a.b", "a.c")


NAMES = ("filed", "case.filed", "Case.filed.v1", "case.filed.v1 ", "*", "a\x00.v1", "case.imported.v1")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_type_is_refused(name: str) -> None:
    with pytest.raises(BadEventTypes):
        Interest().narrowed_to([name], "?types")


def test_without_an_area_it_is_the_callers_own() -> None:
    assert wanted_area(None, AreaPath("a.b"), "?area") == "a.b"
    assert wanted_area("a.b.c", AreaPath("a.b"), "?area") == "a.b.c"
    with pytest.raises(BadAreaPath):
        wanted_area("a..b", AreaPath("a"), "?area")


def test_a_report_is_received_before_its_case_is_anywhere() -> None:
    later = NOW + timedelta(minutes=1)
    assert steps_of(NOW, []) == [Step("received", NOW)]
    assert [s.status for s in steps_of(NOW, [Step("reported", later), Step("accepted", later)])] == [
        "received",
        "reported",
        "accepted",
    ]


def test_a_report_that_was_taken_back_ends_there_unless_its_case_went_on() -> None:
    def way(*statuses: str, back: int) -> list[str]:
        steps = [Step(status, NOW + n * timedelta(minutes=1)) for n, status in enumerate(statuses, 1)]
        return [s.status for s in steps_of(NOW, steps, NOW + back * timedelta(minutes=1))]

    assert way(back=1) == ["received", "withdrawn"]
    assert way("reported", "voided", back=2) == ["received", "reported", "withdrawn"]
    assert way("reported", "voided", back=9) == ["received", "reported", "withdrawn"], "clocks of two machines differ"
    assert way("reported", "accepted", "closed", back=2) == ["received", "reported", "accepted", "withdrawn", "closed"]
    assert way("reported", "accepted", "voided", back=1)[-1] == "voided", "the desk voided it"


def test_a_report_that_is_merged_begins_with_the_status_its_case_had_by_then() -> None:
    minutes = [NOW + n * timedelta(minutes=1) for n in range(-3, 3)]
    case = [
        Step(status, at) for status, at in zip(("reported", "accepted", "filed", "dispatched"), minutes, strict=False)
    ]
    assert steps_of(NOW, [], merged=True) == [Step("received", NOW), Step("merged", NOW)]
    met = [Step("received", NOW), Step("merged", NOW), Step("dispatched", NOW)]
    assert steps_of(NOW, case, merged=True) == met
    later = Step("closed", minutes[-1])
    assert steps_of(NOW, [*case, later], merged=True) == [*met, later]
    assert [s.status for s in steps_of(NOW, [Step("reported", minutes[-1])], merged=True)][1:] == ["merged", "reported"]


def test_an_unknown_status_is_shown_by_its_name() -> None:
    assert label("newer") == {"zh": "newer", "en": "newer"}
    assert all(zh and en for zh, en in LABELS.values())


def test_an_address_that_asks_too_often_waits_and_others_do_not() -> None:
    allowance = Allowance(per_second=2, addresses=2)
    assert [allowance.take("a", 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert allowance.take("b", 0.0)
    assert allowance.take("a", 0.5)
    assert not allowance.take("a", 0.5)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "not an address",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)
    with pytest.raises((TargetNotAllowed, BadWebhookUrl)):
        allowed_address("host", [address], private_allowed=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)
    assert allowed_address("host", [address], private_allowed=False) == address


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(TargetNotAllowed) as refused:
        allowed_address("host", ["8.8.8.8", "10.0.0.1"], private_allowed=False)
    assert "10.0.0.1" in refused.value.detail
    assert allowed_address("host", ["10.0.0.1"], private_allowed=True) == "10.0.0.1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/hook",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://user:secret@example.org/",
        "https://example.org/#part",
        "https://exa mple.org/",
        "https://example.org:99999/",
        "https://[::1/",
        "https://例.org/",
        "https://example.org/\n",
        "https://example.org/" + "x" * 2048,
    ],
)
def test_urls_that_a_webhook_may_not_have(url: str) -> None:
    with pytest.raises(BadWebhookUrl) as refused:
        read_target(url)
    assert refused.value.errors[0].pointer == "/url"


def test_the_port_is_the_schemes_unless_named() -> None:
    assert read_target("https://example.org/hook") == ("example.org", 443)
    assert read_target("http://example.org/hook") == ("example.org", 80)
    assert read_target("http://example.org:8080/hook?a=b") == ("example.org", 8080)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_retries_double_up_to_a_limit_with_chance(attempts: int, chance: float) -> None:
    wait = retry_after(attempts, PATIENCE.first_retry, PATIENCE.longest_retry, chance)
    whole = min(timedelta(seconds=2) * 2 ** min(attempts - 1, 20), timedelta(minutes=10))
    assert whole / 2 <= wait <= whole


def standing(**given: object) -> Standing:
    return Standing(0, given.get("failures", 0), given.get("failing_since"), PATIENCE)  # type: ignore[arg-type]


def note(fares: Standing, outcome: Outcome, now: datetime = NOW, failed_at: datetime | None = None) -> None:
    fares.note(outcome, now, subject="case 1", failed_at=failed_at)


def test_a_receiver_is_down_after_failures_in_a_row_and_up_after_one_success() -> None:
    fares = standing()
    for _ in range(DOWN_AFTER):
        assert not fares.down
        note(fares, Outcome.answered(503))
    assert fares.asked_in_vain
    assert fares.rest(0.0) == timedelta(seconds=1)
    note(fares, Outcome.answered(204))
    assert not fares.down
    assert fares.rest(0.0) is None
    assert fares.failing_since is None


def test_a_receiver_known_to_be_down_is_asked_once() -> None:
    fares = standing(failures=9, failing_since=NOW)
    assert fares.down
    assert not fares.asked_in_vain
    note(fares, Outcome(None, "no answer"))
    assert fares.asked_in_vain


def test_a_webhook_is_disabled_after_failing_for_days_and_says_why() -> None:
    fares = standing(failures=3, failing_since=NOW - timedelta(days=3))
    note(fares, Outcome.answered(500))
    assert fares.disabled_because is not None
    assert "500" in fares.disabled_because
    assert fares.down


def test_one_event_refused_for_days_disables_too_for_nothing_is_dropped_silently() -> None:
    fares = standing()
    note(fares, Outcome.answered(200))
    note(fares, Outcome.answered(422), failed_at=NOW - timedelta(days=4))
    assert fares.disabled_because is not None
    assert "case 1" in fares.disabled_because


def test_what_the_log_dropped_is_counted_as_missed_once() -> None:
    fares = standing()
    fares.skip_to(1)
    assert fares.take_missed() == 0
    fares.skip_to(11)
    assert (fares.position, fares.take_missed(), fares.take_missed()) == (10, 10, 0)


def test_gone_disables_at_once_and_a_redirect_is_a_failure() -> None:
    fares = standing()
    note(fares, Outcome.answered(410))
    assert fares.disabled_because == "the receiver answered 410 Gone"
    assert not Outcome.answered(302).delivered
    assert Outcome.answered(299).delivered
