"""Verification and check on the spot: who goes, from where, when it was answered, and what if nobody does."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.dispatch.domain.case import Act, Case, Place, Post, Status
from services.dispatch.domain.due import mark, timers
from services.dispatch.domain.refusals import (
    AnsweredInTheFuture,
    AnsweredTooLate,
    FieldMissing,
    NotYourTask,
    TaskStale,
    TooFarAway,
)
from services.dispatch.domain.rules import OnDuty
from shared.kernel.area import AreaPath
from tests.unit.dispatch.cases import HOUR, MINUTE, RULES, actor, do, ruled, until

A, P, S = Act, Post, Status
A_POST, B_POST, LEADER = "worker-a", "worker-b", "leader-1"


def roster(area: AreaPath, at: object, without: str | None) -> OnDuty:
    """A post A, a post B, and then their leader; after whom there is nobody else."""
    order = [A_POST, B_POST, LEADER]
    return OnDuty(order[min(order.index(without) + 1, 2)] if without else A_POST, "by the roster")


def task(status: Status = S.HANDLED, **fields: Any) -> Case:
    act = A.REQUEST_CHECK if status is S.HANDLED else A.REQUEST_VERIFICATION
    with ruled(on_duty=roster):
        return do(until(status), act, P.ACCEPTOR, task_id=UUID(int=9), **fields)


def test_the_person_on_duty_goes_unless_somebody_is_named() -> None:
    assert task().assignee == A_POST
    assert task().facts[-1].details["assigned_by"] == "by the roster"
    assert task(assignee="worker-7").assignee == "worker-7"
    nobody = do(until(S.HANDLED), A.REQUEST_CHECK, P.ACCEPTOR, task_id=UUID(int=9))
    assert (nobody.assignee, nobody.facts[-1].details["assigned_by"]) == (None, "no duty roster 无值班表")


def test_only_who_was_given_the_task_answers_it() -> None:
    with pytest.raises(NotYourTask, match=A_POST):
        do(task(), A.ANSWER_CHECK, P.SUPERVISOR)
    assert do(task(), A.ANSWER_CHECK, P.SUPERVISOR, by=actor(P.SUPERVISOR, A_POST)).passed


def test_a_task_not_answered_in_time_goes_to_the_next_and_at_last_to_the_leader() -> None:
    rules = replace(RULES, on_duty=roster)
    case = mark(task(), task().facts[-1].at + 16 * MINUTE, rules)
    assert [fact.act for fact in case.facts[-3:]] == [A.MARK_WARNED, A.MARK_OVERDUE, A.REASSIGN_TASK]
    assert case.assignee == B_POST
    assert case.task_id not in (None, UUID(int=9)), "the old task is answered no more"
    assert [timer.stage for timer in timers(case)] == ["task"]
    case = mark(case, case.facts[-1].at + 16 * MINUTE, rules)
    assert case.assignee == LEADER
    case = mark(case, case.facts[-1].at + 16 * MINUTE, rules)
    assert (case.assignee, timers(case)) == (LEADER, []), "after the leader there is nobody to go to"


def test_a_stale_answer_is_refused_and_says_whose_the_task_is() -> None:
    case = task()
    with pytest.raises(TaskStale, match=A_POST) as refused:
        do(case, A.ANSWER_CHECK, P.SUPERVISOR, by=actor(P.SUPERVISOR, A_POST), task=UUID(int=8))
    assert refused.value.facts == {"task": str(UUID(int=9)), "assignee": A_POST}


def test_an_answer_from_a_telephone_without_a_network_counts_from_when_it_was_given() -> None:
    case = task()
    given = case.facts[-1].at
    late = do(
        case, A.ANSWER_CHECK, P.SUPERVISOR, by=actor(P.SUPERVISOR, A_POST), at=given + 2 * HOUR,
        answered_at=given + 10 * MINUTE, task=UUID(int=9),
    )  # fmt: skip
    assert late.facts[-1].clock == {"stage": "check", "limit_s": 900, "used_s": 600}
    assert late.facts[-1].at == given + 2 * HOUR


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (timedelta(minutes=10), AnsweredInTheFuture),
        (timedelta(minutes=-20), AnsweredTooLate),
    ],
)
def test_times_at_which_nobody_can_have_answered(answered: timedelta, kind: type[Exception]) -> None:
    case = task()
    at = case.facts[-1].at + MINUTE
    with pytest.raises(kind, match="answered_at"):
        do(
            case, A.ANSWER_CHECK, P.SUPERVISOR, by=actor(P.SUPERVISOR, A_POST), at=at, answered_at=at + answered,
            task=UUID(int=9),
        )  # fmt: skip


def test_what_was_seen_too_long_ago_is_looked_at_again() -> None:
    case = task()
    given = case.facts[-1].at
    with pytest.raises(AnsweredTooLate, match="more than 24 hours ago"):
        do(
            case, A.ANSWER_CHECK, P.SUPERVISOR, by=actor(P.SUPERVISOR, A_POST), at=given + 30 * HOUR,
            answered_at=given + MINUTE, task=UUID(int=9),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "act"),
    [(S.CHECKING, A.ANSWER_CHECK), (S.VERIFYING, A.ANSWER_VERIFICATION), (S.REPORTED, A.SELF_HANDLE)],
)
def test_where_the_regime_asks_for_place_and_photograph(status: Status, act: Act) -> None:
    here, photo = Place(116.3001, 39.9), (UUID(int=7),)
    case = until(status)
    with ruled(location_needed=True, photo_needed=True):
        with pytest.raises(FieldMissing, match="location"):
            do(case, act, P.SUPERVISOR, evidence=photo)
        with pytest.raises(FieldMissing, match="evidence"):
            do(case, act, P.SUPERVISOR, location=here, evidence=())
        with pytest.raises(TooFarAway):
            do(case, act, P.SUPERVISOR, location=Place(116.31, 39.9), evidence=photo)
        do(case, act, P.SUPERVISOR, location=here, evidence=photo)
