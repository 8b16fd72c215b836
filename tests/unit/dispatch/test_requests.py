"""Return, extension and suspension: asked for by the unit, decided by command."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.case import Act, Case, Post, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.due import mark, timers
from services.dispatch.domain.lifecycle import acts_now
from services.dispatch.domain.refusals import (
    BadUntil,
    FieldMissing,
    LimitPassed,
    NoSuchRequest,
    NotDissolved,
    NotThisUnit,
    RequestOpen,
    UnitDissolved,
    UsedUp,
)
from tests.unit.dispatch.cases import HOUR, MINUTE, RULES, actor, do, gone, until

A, P, S = Act, Post, Status


def handled_for(case: Case) -> timedelta:
    clock = case.handling_clock
    assert clock is not None
    return clock.used(case.facts[-1].at, RULES.calendar)


def test_a_request_is_no_status_and_its_clock_runs_on() -> None:
    case = do(until(S.HANDLING), A.REQUEST_RETURN, P.UNIT_CLERK)
    assert case.status is S.HANDLING
    assert case.running is not None
    assert case.running.stage is Stage.HANDLE
    assert acts_now(case, actor(P.DISPATCHER), RULES)[:2] == [A.APPROVE_RETURN, A.REFUSE_RETURN]


@pytest.mark.parametrize("act", [A.REPORT_HANDLED, A.REQUEST_EXTENSION, A.REQUEST_RETURN])
def test_one_request_at_a_time(act: Act) -> None:
    case = do(until(S.HANDLING), A.REQUEST_RETURN, P.UNIT_CLERK)
    with pytest.raises(RequestOpen, match="withdraw_request 撤回申请"):
        do(case, act, P.UNIT_CLERK)
    do(do(case, A.WITHDRAW_REQUEST, P.UNIT_CLERK), act, P.UNIT_CLERK)


def test_only_what_was_asked_for_is_decided() -> None:
    case = do(until(S.HANDLING), A.REQUEST_RETURN, P.UNIT_CLERK)
    with pytest.raises(NoSuchRequest, match="a request for return is"):
        do(case, A.APPROVE_EXTENSION, P.DISPATCHER)


@pytest.mark.parametrize("act", [A.REFUSE_RETURN, A.REFUSE_EXTENSION, A.REFUSE_SUSPENSION])
def test_command_refuses_with_a_cause(act: Act) -> None:
    asked = {A.REFUSE_RETURN: A.REQUEST_RETURN, A.REFUSE_EXTENSION: A.REQUEST_EXTENSION}
    case = do(until(S.HANDLING), asked.get(act, A.REQUEST_SUSPENSION), P.UNIT_CLERK)
    with pytest.raises(FieldMissing, match="needs opinion"):
        do(case, act, P.DISPATCHER, opinion=" ")


def returned(minutes: int) -> Case:
    case = until(S.HANDLING)
    case = do(case, A.REQUEST_RETURN, P.UNIT_CLERK, at=case.facts[-1].at + minutes * MINUTE)
    return do(case, A.APPROVE_RETURN, P.DISPATCHER)


def test_a_returned_case_is_commands_again_and_its_handling_clock_stands() -> None:
    case = returned(30)
    assert (case.status, case.unit) == (S.FILED, None)
    assert case.running is not None
    assert case.running.stage is Stage.DISPATCH
    later = do(case, A.DISPATCH, P.DISPATCHER, at=case.facts[-1].at + 10 * MINUTE)
    assert handled_for(later) == handled_for(case)


def test_dispatched_to_the_same_unit_the_clock_goes_on_to_another_it_starts_in_full() -> None:
    case = returned(30)
    again = do(case, A.DISPATCH, P.DISPATCHER)
    other = do(case, A.DISPATCH, P.DISPATCHER, unit="roads")
    at = again.facts[-1].at
    assert case.limit is not None
    assert again.due_at == at + 2 * HOUR - handled_for(case)
    assert other.due_at == at + 2 * HOUR
    # The other had it in between: sent back to the first, it starts in full.
    case = do(other, A.REQUEST_RETURN, P.UNIT_CLERK, by=actor(P.UNIT_CLERK, unit="roads"))
    back = do(do(case, A.APPROVE_RETURN, P.DISPATCHER), A.DISPATCH, P.DISPATCHER)
    assert back.due_at == back.facts[-1].at + 2 * HOUR
    assert back.matters.returned_by is None


def test_an_extension_adds_one_original_limit_to_the_deadline() -> None:
    case = until(S.HANDLING)
    due = case.due_at
    assert due is not None
    for times in (1, 2):
        case = do(case, A.REQUEST_EXTENSION, P.UNIT_CLERK)
        case = do(case, A.APPROVE_EXTENSION, P.DISPATCHER)
        assert case.due_at == due + times * 2 * HOUR
        assert case.matters.extensions == times
    with pytest.raises(UsedUp, match="2 is the most"):
        do(case, A.REQUEST_EXTENSION, P.UNIT_CLERK)


def test_a_refused_extension_uses_up_none() -> None:
    case = until(S.HANDLING)
    for _ in range(3):
        case = do(do(case, A.REQUEST_EXTENSION, P.UNIT_CLERK), A.REFUSE_EXTENSION, P.DISPATCHER)
    assert case.matters.extensions == 0
    assert do(case, A.REQUEST_EXTENSION, P.UNIT_CLERK).matters.request is not None


def test_an_extension_is_asked_for_before_the_deadline() -> None:
    case = until(S.HANDLING)
    assert case.due_at is not None
    with pytest.raises(LimitPassed, match="before the deadline"):
        do(case, A.REQUEST_EXTENSION, P.UNIT_CLERK, at=case.due_at + MINUTE)


def test_what_was_asked_for_in_time_is_not_late_because_the_answer_was() -> None:
    case = do(until(S.HANDLING), A.REQUEST_EXTENSION, P.UNIT_CLERK)
    assert case.due_at is not None
    case = do(case, A.APPROVE_EXTENSION, P.DISPATCHER, at=case.due_at + MINUTE)
    assert [fact.act for fact in case.facts[-3:]] == [A.MARK_WARNED, A.MARK_OVERDUE, A.APPROVE_EXTENSION]
    assert not case.overdue
    case = do(case, A.REPORT_HANDLED, P.UNIT_CLERK)
    assert case.facts[-1].details["on_time"]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=2))
def test_an_extension_neither_loses_nor_gains_time(minutes: list[int]) -> None:
    case = until(S.HANDLING)
    for each in minutes:
        case = do(case, A.REQUEST_EXTENSION, P.UNIT_CLERK, at=case.facts[-1].at + each * MINUTE)
        case = do(case, A.APPROVE_EXTENSION, P.DISPATCHER)
    clock = case.handling_clock
    assert clock is not None
    at = case.facts[-1].at
    assert clock.limit == 2 * HOUR * (1 + len(minutes))
    assert clock.due_at - at == clock.limit - clock.used(at, RULES.calendar)
    assert clock.warned == (clock.used(at, RULES.calendar) > clock.limit * 0.8)


def suspended() -> Case:
    return do(do(until(S.HANDLING), A.REQUEST_SUSPENSION, P.UNIT_CLERK), A.APPROVE_SUSPENSION, P.COMMAND_LEADER)


def test_a_suspended_case_uses_no_time_and_resumes_by_itself_on_its_day() -> None:
    case = suspended()
    day = case.matters.suspended_until
    assert day is not None
    assert [(timer.stage, timer.due_at) for timer in timers(case)] == [("suspension", day)]
    assert mark(case, day - MINUTE, RULES) is case
    resumed = mark(case, day + MINUTE, RULES)
    assert (resumed.status, resumed.matters.suspended_until) == (S.HANDLING, None)
    assert (resumed.facts[-1].act, resumed.facts[-1].actor.subject) == (A.RESUME_ON_DATE, "system")
    assert resumed.facts[-1].details == {"by_date": True}
    clock, before = resumed.handling_clock, case.handling_clock
    assert clock is not None
    assert before is not None
    assert clock.spent == before.spent


def test_command_resumes_it_before() -> None:
    case = do(suspended(), A.RESUME, P.DISPATCHER)
    assert (case.status, timers(case)[0].stage) == (S.HANDLING, "handle")
    with pytest.raises(UsedUp, match="suspended before"):
        do(case, A.REQUEST_SUSPENSION, P.UNIT_CLERK)


@pytest.mark.parametrize("days", [None, -1, 0, 366])
def test_a_suspension_ends_after_now_and_within_a_year(days: int | None) -> None:
    case = until(S.HANDLING)
    at = case.facts[-1].at + MINUTE
    end = None if days is None else at + timedelta(days=days)
    with pytest.raises(BadUntil) as refused:
        do(case, A.REQUEST_SUSPENSION, P.UNIT_CLERK, at=at, until=end)
    assert refused.value.errors[0].pointer == "/until"


def test_a_suspension_whose_day_passed_undecided_is_refused_not_approved() -> None:
    case = until(S.HANDLING)
    at = case.facts[-1].at
    case = do(case, A.REQUEST_SUSPENSION, P.UNIT_CLERK, until=at + HOUR)
    with pytest.raises(BadUntil, match="has passed"):
        do(case, A.APPROVE_SUSPENSION, P.DISPATCHER, at=at + 2 * HOUR)


def test_command_calls_back_what_was_not_begun_and_what_a_dissolved_unit_holds() -> None:
    case = do(until(S.DISPATCHED), A.RECALL, P.DISPATCHER)
    assert (case.status, case.unit, case.facts[-1].details) == (S.FILED, None, {"recalled_from": "water"})
    with pytest.raises(NotDissolved, match="water"):
        do(until(S.HANDLING), A.RECALL, P.DISPATCHER)
    held = until(S.HANDLING)
    with gone("water"):
        assert do(held, A.RECALL, P.DISPATCHER).status is S.FILED


def test_nothing_goes_back_to_a_unit_that_was_dissolved() -> None:
    held = [(until(S.HANDLED), A.ORDER_REWORK, P.DISPATCHER), (until(S.HANDLING), A.URGE, P.DISPATCHER)]
    with gone("water"):
        for case, act, post in held:
            with pytest.raises(UnitDissolved, match="recall 收回"):
                do(case, act, post)


def test_only_the_unit_that_has_the_case_asks() -> None:
    with pytest.raises(NotThisUnit):
        do(until(S.HANDLING), A.REQUEST_RETURN, P.UNIT_CLERK, by=actor(P.UNIT_CLERK, unit="roads"))
