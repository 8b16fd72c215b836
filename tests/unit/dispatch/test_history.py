"""What must hold of a case of an old system, and what follows from it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.history import STEPS, Imported, Judge, Told, ids_of
from services.dispatch.domain.history_checks import wrong_with
from services.dispatch.domain.worktime import Limit, Unit, due
from tests.unit.dispatch.cases import CALENDAR, RULES
from tests.unit.dispatch.told import BEGAN, NOW, STRAIGHT, at, by_step, told


def fields(case: Told) -> list[str]:
    return [wrong.field for wrong in wrong_with(case, RULES, NOW)]


def in_time(case: Told) -> dict[str, bool]:
    steps = Judge(RULES).taken_in(case).steps
    return {step.act: step.on_time for step in steps if step.on_time is not None}


def test_a_straight_case_is_right_and_in_time_throughout() -> None:
    case = told()
    assert wrong_with(case, RULES, NOW) == []
    done = Judge(RULES).taken_in(case)
    assert (done.number, done.opened_at, done.ended_at) == ("old/2026-0001", at(0), at(120))
    assert [step.act for step in done.steps] == [
        "open", "accept", "file", "dispatch", "report_handled", "request_check", "answer_check", "close",
    ]  # fmt: skip
    assert in_time(case) == dict.fromkeys(("accept", "file", "dispatch", "report_handled", "answer_check"), True)
    assert (done.due_at, done.overdue, done.limit_s, done.used_s) == (at(150), False, 7200, 3600)


@pytest.mark.parametrize(
    ("step", "late"),
    [
        ("accepted", {"accepted": 16, "filed": 20}),
        ("filed", {"filed": 26}),
        ("dispatched", {"dispatched": 36}),
        ("handled", {"handled": 151, "check_requested": 152, "checked": 153, "closed": 160}),
        ("checked", {"checked": 116}),
    ],
)
def test_a_late_step_is_late_alone(step: str, late: dict[str, float]) -> None:
    case = told(STRAIGHT | late)
    assert wrong_with(case, RULES, NOW) == []
    act = {"accepted": "accept", "filed": "file", "dispatched": "dispatch"} | {
        "handled": "report_handled",
        "checked": "answer_check",
    }
    assert [name for name, good in in_time(case).items() if not good] == [act[step]]
    assert Judge(RULES).taken_in(case).overdue is (step == "handled")


def test_a_limit_in_working_time_runs_out_on_the_calendar() -> None:
    two_days = Limit(2, Unit.WORK_DAY)
    done = Judge(RULES).taken_in(told(limit=two_days))
    assert done.due_at == due(at(30), two_days, CALENDAR)
    assert done.limit_s == 16 * 3600


def test_the_limit_is_that_of_the_condition_where_none_is_told() -> None:
    assert Judge(RULES).taken_in(told(limit=None)).due_at == at(150)
    assert fields(told(limit=None, condition=None)) == ["limit_amount"]


def test_what_the_old_system_says_goes_before_what_we_work_out() -> None:
    late = told(on_time=by_step({"handled": False, "filed": False}))
    assert in_time(late) | {"report_handled": False, "file": False} == in_time(late)
    assert Judge(RULES).taken_in(late).overdue
    own = told(due_at=at(80))
    assert (Judge(RULES).taken_in(own).due_at, in_time(own)["report_handled"]) == (at(80), False)


def test_the_accept_clock_stands_while_a_case_is_being_verified() -> None:
    times = STRAIGHT | {"verification_requested": 5, "verified": 18, "accepted": 27, "filed": 30, "dispatched": 40}
    assert in_time(told(times)) == {
        "answer_verification": True, "accept": True, "file": True, "dispatch": True, "report_handled": True,
        "answer_check": True,
    }  # fmt: skip
    assert in_time(told(times | {"accepted": 29}))["accept"] is False
    assert in_time(told(times | {"verification_requested": 2}))["answer_verification"] is False


def test_without_an_acceptance_filing_has_both_limits() -> None:
    times = {step: after for step, after in STRAIGHT.items() if step != "accepted"}
    assert in_time(told(times | {"filed": 30, "dispatched": 31}))["file"]
    assert not in_time(told(times | {"filed": 31, "dispatched": 31}))["file"]


def test_rejected_and_void_cases_end_where_they_ended() -> None:
    declined = told({"reported": 0, "closed": 5}, outcome="rejected", unit=None)
    refused = told({"reported": 0, "accepted": 5, "closed": 9}, outcome="rejected", unit=None)
    void = told({"reported": 0, "accepted": 5, "filed": 9, "closed": 20}, outcome="voided", unit=None)
    assert [fields(case) for case in (declined, refused, void)] == [[], [], []]
    ends = [Judge(RULES).taken_in(case).steps[-1].act for case in (declined, refused, void)]
    assert ends == ["decline", "refuse_filing", "void"]
    assert Judge(RULES).taken_in(void).due_at is None


@pytest.mark.parametrize("step", ["reported", "filed", "dispatched", "handled", "closed"])
def test_a_closed_case_has_all_its_times(step: str) -> None:
    assert f"{step}_at" in fields(told({name: after for name, after in STRAIGHT.items() if name != step}))


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        (told(STRAIGHT | {"filed": 5}), ["filed_at"]),
        (told(STRAIGHT | {"closed": 60 * 24 * 365}), ["closed_at"]),
        (told(STRAIGHT | {"reported": -30_000_000}), ["reported_at"]),
        (told(STRAIGHT | {"verified": 5}), ["verification_requested_at"]),
        (told({k: v for k, v in STRAIGHT.items() if k != "check_requested"}), ["check_requested_at"]),
        (told(unit=None), ["unit"]),
        (told({"reported": 0, "closed": 5}, outcome="rejected"), ["unit"]),
        (told({"reported": 0, "filed": 3, "closed": 5}, outcome="rejected", unit=None), ["filed_at"]),
        (told({"reported": 0, "closed": 5}, outcome="voided", unit=None, rework=1), ["rework"]),
        (told({"reported": 0, "closed": 5}, outcome="voided", unit=None, suspended=1), ["suspended"]),
        (told({"reported": 0, "handled": 4, "closed": 5}, outcome="voided", unit=None), ["dispatched_at"]),
        (told(rework=1), ["due_at"]),
        (told(suspended=1), ["due_at"]),
        (told(evidence_refused=1), ["due_at"]),
        (told(first_unit="roads"), ["dispatched_on_time"]),
    ],
)
def test_what_does_not_fit_is_named(case: Told, wrong: list[str]) -> None:
    assert fields(case) == wrong


def test_a_paused_clock_has_measured_nothing() -> None:
    for more in ({"rework": 1}, {"suspended": 2}, {"evidence_refused": 1}):
        done = Judge(RULES).taken_in(told(due_at=at(200), **more))  # type: ignore[arg-type]
        assert (done.clock, done.overdue) == (None, False)
    returned = told(first_unit="roads", on_time=by_step({"dispatched": False}))
    assert fields(returned) == []
    assert Judge(RULES).taken_in(returned).clock is None


def test_a_stage_without_a_limit_is_never_late() -> None:
    rules = replace(RULES, stages={})
    done = Judge(rules).taken_in(told())
    assert {step.act for step in done.steps if step.on_time is not None} == {"report_handled"}


def test_ids_are_the_same_for_the_same_case_and_sort_by_the_report() -> None:
    (case, report), (again, same) = ids_of("old", "1", BEGAN), ids_of("old", "1", BEGAN)
    assert (case, report) == (again, same)
    assert (case.version, report.version, case.variant) == (7, 8, report.variant)
    later, moved = ids_of("old", "1", BEGAN + timedelta(seconds=1))
    assert later > case
    assert moved == report
    others = {ids_of(system, number, BEGAN) for system, number in (("old", "2"), ("new", "1"), ("old/1", ""))}
    assert len({*others, (case, report)}) == 4
    assert case.int >> 80 == int(BEGAN.timestamp() * 1000)


@st.composite
def any_case(draw: st.DrawFn) -> Told:
    minutes: dict[str, float] = {}
    after = 0
    for step in STEPS:
        if draw(st.booleans()):
            after += draw(st.integers(-2, 40))
            minutes[step] = after
    more: dict[str, Any] = {
        "outcome": draw(st.sampled_from(["closed", "rejected", "voided"])),
        "unit": draw(st.sampled_from([None, "water"])),
        "limit": draw(st.sampled_from([None, Limit(1, Unit.WORK_HOUR)])),
        "rework": draw(st.integers(0, 1)),
        "on_time": by_step({"handled": draw(st.sampled_from([None, True, False]))}),
    }
    return told(minutes, **more)


@given(any_case())
def test_what_is_found_right_can_be_taken_in(case: Told) -> None:
    if wrong_with(case, RULES, NOW):
        return
    done: Imported = Judge(RULES).taken_in(case)
    times = [step.at for step in done.steps]
    assert times == sorted(times)
    assert (done.steps[0].act, done.told) == ("open", case)
    assert (done.due_at is None) or case.unit
