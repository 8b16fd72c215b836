"""Who does what next: the straight path, and its seeded second thoughts."""

from collections.abc import Mapping

import pytest

from services.city.robots.script import (
    EXTENDED_SHARE,
    FAILED_SHARE,
    RETURNED_SHARE,
    URGED_SHARE,
    VERIFIED_SHARE,
    Deed,
    Work,
    chance,
    next_deed,
)
from shared.packs import Pack, load

PLACE = (116.3, 39.9)


@pytest.fixture(scope="module")
def haidian() -> Pack:
    return load("haidian")


def at(status: str, key: str = "1", known: Mapping[str, object] | None = None) -> Work:
    work = Work(key, "06028", PLACE, "report", "case", "110108.012.003.001", status, 1)
    for name, value in (known or {}).items():
        setattr(work, name, value)
    return work


def key_with(pack: Pack, what: str, *, below: float | None = None, above: float | None = None) -> str:
    for n in range(10_000):
        drawn = chance(pack.demo.seed, str(n), what)
        if (below is not None and drawn < below) or (above is not None and drawn >= above):
            return str(n)
    raise AssertionError("no such key")


def walk(pack: Pack, key: str) -> list[str]:
    """The acts that carry one case to its end, as the act table of DESIGN §4 moves it on."""
    leads_to = {
        **{"request_verification": "verifying", "answer_verification": "reported", "accept": "accepted"},
        **{"file": "filed", "dispatch": "dispatched", "take": "handling", "report_handled": "handled"},
        **{"approve_return": "filed"},
        **{"request_check": "checking", "answer_check": "checked", "order_rework": "handling", "close": "closed"},
    }
    work, done = at("reported", key), []
    while (deed := next_deed(work, pack)) is not None:
        done.append(deed.act)
        work.verified = work.verified or deed.act == "answer_verification"
        if deed.act == "dispatch":
            work.unit = str(deed.body["unit"])
        if deed.act == "answer_check":
            work.passed, work.checks = bool(deed.body["passed"]), work.checks + 1
        work.request = (
            deed.act.removeprefix("request_") if deed.act in ("request_return", "request_extension") else None
        )
        work.did(deed.act)
        work.status = leads_to.get(deed.act, work.status)
    assert work.status == "closed"
    return done


STRAIGHT = ["accept", "file", "dispatch", "take", "report_handled", "request_check", "answer_check", "close"]


def test_the_straight_path(haidian: Pack) -> None:
    paths = [walk(haidian, str(n)) for n in range(400)]
    assert paths.count(STRAIGHT) > 280


def test_some_reports_are_verified_first_and_only_once(haidian: Pack) -> None:
    key = key_with(haidian, "verify", below=VERIFIED_SHARE)
    assert walk(haidian, key)[:3] == ["request_verification", "answer_verification", "accept"]


def test_some_cases_fail_their_check_once_and_are_reworked_by_the_same_unit(haidian: Pack) -> None:
    key = key_with(haidian, "check", below=FAILED_SHARE)
    done = walk(haidian, key)
    failed = done.index("order_rework")
    assert done[failed - 1 :] == [
        *("answer_check", "order_rework", "report_handled", "request_check", "answer_check", "close")
    ]


@pytest.mark.parametrize(
    ("what", "share", "acts"),
    [
        ("return", RETURNED_SHARE, ["request_return", "approve_return", "dispatch", "take"]),
        ("extend", EXTENDED_SHARE, ["request_extension", "approve_extension"]),
        ("urge", URGED_SHARE, ["urge", "reply_urging"]),
    ],
)
def test_some_cases_take_a_turn_of_their_own_once(haidian: Pack, what: str, share: float, acts: list[str]) -> None:
    done = walk(haidian, key_with(haidian, what, below=share))
    first = done.index(acts[0])
    assert done[first : first + len(acts)] == acts
    assert done.count(acts[0]) == 1


def test_the_same_cases_are_verified_and_reworked_in_every_run(haidian: Pack) -> None:
    keys = [str(n) for n in range(100)]
    assert [walk(haidian, key) for key in keys] == [walk(haidian, key) for key in keys]


@pytest.mark.parametrize(
    ("status", "known", "expected"),
    [
        ("accepted", {}, Deed("file", "shift_leader", body={"condition": "noise_or_rattle"})),
        ("filed", {}, Deed("dispatch", "dispatcher", body={"unit": "environment"})),
        ("dispatched", {"unit": "environment"}, Deed("take", "unit_clerk", "environment")),
        ("handled", {}, Deed("request_check", "acceptor")),
        ("checked", {"passed": True}, Deed("close", "shift_leader")),
    ],
)
def test_each_post_does_its_own_act(haidian: Pack, status: str, known: dict[str, object], expected: Deed) -> None:
    assert next_deed(at(status, known=known), haidian) == expected


def test_evidence_goes_with_what_was_seen_on_the_spot(haidian: Pack) -> None:
    check = next_deed(at("checking", key_with(haidian, "check", above=FAILED_SHARE)), haidian)
    assert check is not None
    assert check.evidence
    assert check.body == {"passed": True, "location": {"lon": 116.3, "lat": 39.9}}
    assert check.post in ("supervisor", "grid_worker")


def test_nothing_is_done_with_a_case_that_has_ended_or_that_nobody_answers_for(haidian: Pack) -> None:
    for status in ("closed", "rejected", "voided", "suspended"):
        assert next_deed(at(status), haidian) is None
    stray = at("filed")
    stray.area = "110101.001.001.001"
    assert next_deed(stray, haidian) is None
