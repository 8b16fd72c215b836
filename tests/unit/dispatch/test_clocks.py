"""Stage clocks through the acts that move them."""

from datetime import timedelta
from uuid import UUID

from services.dispatch.domain.acts import automatic
from services.dispatch.domain.case import Act, Post, Status
from services.dispatch.domain.clocks import Ahead, Stage, passed
from services.dispatch.domain.due import mark
from tests.unit.dispatch.cases import AUTOMATIC, CALENDAR, HOUR, MINUTE, RULES, START, do, opened, until

A, P, S = Act, Post, Status


def test_each_stage_has_its_own_clock() -> None:
    stages = {
        S.REPORTED: Stage.ACCEPT,
        S.VERIFYING: Stage.VERIFY,
        S.ACCEPTED: Stage.FILE,
        S.FILED: Stage.DISPATCH,
        S.DISPATCHED: Stage.HANDLE,
        S.HANDLING: Stage.HANDLE,
        S.HANDLED: None,
        S.CHECKING: Stage.CHECK,
        S.CHECKED: None,
        S.CLOSED: None,
        S.REJECTED: None,
    }
    for status, stage in stages.items():
        running = until(status).running
        assert (running.stage if running else None) is stage, status


def test_verification_pauses_acceptance() -> None:
    case = do(opened(), A.REQUEST_VERIFICATION, P.ACCEPTOR, at=START + 5 * MINUTE)
    case = do(case, A.ANSWER_VERIFICATION, P.GRID_WORKER, at=START + 25 * MINUTE)
    clock = case.running
    assert clock is not None
    assert (clock.stage, clock.spent, clock.generation) == (Stage.ACCEPT, 5 * MINUTE, 2)
    assert clock.due_at == START + 35 * MINUTE


def test_the_handling_limit_comes_from_the_filing_condition_and_starts_at_dispatch() -> None:
    case = do(until(S.ACCEPTED), A.FILE, P.SHIFT_LEADER, condition="rattling")
    assert case.facts[-1].details == {
        "limit_amount": 2,
        "limit_unit": "work_day",
        "limit_s": 16 * 3600,
        "rule": None,
        "rule_version": None,
    }
    assert case.due_at is None
    case = do(case, A.DISPATCH, P.DISPATCHER, at=START)
    assert case.due_at == START + timedelta(days=2)


def test_the_handling_clock_stops_at_the_hand_over_and_goes_on_at_rework() -> None:
    case = do(until(S.FILED), A.DISPATCH, P.DISPATCHER, at=START)
    case = do(case, A.TAKE, P.UNIT_CLERK, at=START + 10 * MINUTE)
    case = do(case, A.REPORT_HANDLED, P.UNIT_CLERK, at=START + 50 * MINUTE)
    assert case.facts[-1].clock == {"stage": "handle", "limit_s": 7200, "used_s": 3000}
    assert case.due_at == START + 2 * HOUR
    case = do(case, A.ORDER_REWORK, P.DISPATCHER, at=START + 5 * HOUR)
    clock = case.running
    assert clock is not None
    assert (clock.stage, clock.spent, clock.generation) == (Stage.HANDLE, 50 * MINUTE, 2)
    assert case.due_at == START + 5 * HOUR + 70 * MINUTE
    assert not case.overdue


def test_marks_come_once_each_and_leave_the_revision_alone() -> None:
    case = until(S.REPORTED)
    assert mark(case, START + 12 * MINUTE, RULES) is case
    warned = mark(case, START + 12 * MINUTE + timedelta(seconds=1), RULES)
    assert [fact.act for fact in warned.facts[1:]] == [A.MARK_WARNED]
    assert (warned.version, warned.revision) == (2, 1)
    assert mark(warned, START + 14 * MINUTE, RULES) is warned
    late = mark(warned, START + 16 * MINUTE, RULES)
    assert [fact.act for fact in late.facts[2:]] == [A.MARK_OVERDUE]
    assert (late.version, late.revision) == (3, 1)
    assert late.facts[-1].clock == {"stage": "accept", "limit_s": 900, "used_s": 960}
    assert not late.overdue, "only the handling clock makes a case overdue"
    assert mark(late, START + 10 * HOUR, RULES) is late


def test_an_act_puts_the_marks_that_no_timer_made_in_time_before_itself() -> None:
    case = do(until(S.FILED), A.DISPATCH, P.DISPATCHER, at=START)
    case = do(case, A.TAKE, P.UNIT_CLERK, at=START + MINUTE)
    case = do(case, A.REPORT_HANDLED, P.UNIT_CLERK, at=START + 3 * HOUR)
    acts = [fact.act for fact in case.facts[-3:]]
    assert acts == [A.MARK_WARNED, A.MARK_OVERDUE, A.REPORT_HANDLED]
    assert case.overdue
    assert case.facts[-1].details["on_time"] is False


def test_a_hand_over_at_the_very_deadline_is_on_time() -> None:
    case = do(until(S.FILED), A.DISPATCH, P.DISPATCHER, at=START)
    case = do(case, A.TAKE, P.UNIT_CLERK, at=START + MINUTE)
    case = do(case, A.REPORT_HANDLED, P.UNIT_CLERK, at=START + 2 * HOUR)
    assert case.facts[-1].details["on_time"] is True
    assert not case.overdue


def test_what_was_overdue_stays_so_through_rework() -> None:
    case = do(until(S.FILED), A.DISPATCH, P.DISPATCHER, at=START)
    case = do(case, A.TAKE, P.UNIT_CLERK, at=START + MINUTE)
    case = do(case, A.REPORT_HANDLED, P.UNIT_CLERK, at=START + 3 * HOUR)
    case = do(case, A.ORDER_REWORK, P.DISPATCHER, at=START + 4 * HOUR)
    assert case.overdue
    assert case.due_at == START + 2 * HOUR
    assert mark(case, START + 40 * HOUR, RULES) is case
    assert case.running is not None
    assert case.running.ahead is None


def test_a_clock_says_what_it_reaches_next() -> None:
    clock = opened().running
    assert clock is not None
    assert clock.ahead == Ahead(80, START + 12 * MINUTE)
    yellow = passed(clock, CALENDAR)
    assert (yellow.ahead, yellow.warned, yellow.overdue) == (Ahead(100, START + 15 * MINUTE), True, False)
    red = passed(yellow, CALENDAR)
    assert (red.ahead, red.warned, red.overdue) == (None, True, True)


def test_automatic_acts_are_four_facts_at_one_instant() -> None:
    case = automatic(opened(), START, AUTOMATIC)
    assert [fact.act.value for fact in case.facts] == ["open", "auto_accept", "auto_file", "auto_dispatch"]
    assert [fact.version for fact in case.facts] == [1, 2, 3, 4]
    assert {fact.actor.subject for fact in case.facts} == {"system"}
    assert (case.status, case.unit, case.condition, case.due_at) == (S.DISPATCHED, "water", "missing", START + 2 * HOUR)
    assert [fact.unit for fact in case.facts] == [None, None, None, "water"]
    assert case.facts[-1].details["rule"] == "by category"
    assert case.id == UUID(int=2)
