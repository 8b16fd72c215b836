"""Ends beside the closure, what may follow an end, and what is put right before the dispatch."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.dispatch.domain.acts import absorbed, reopened
from services.dispatch.domain.case import Act, Case, Place, Post, Status
from services.dispatch.domain.lifecycle import acts_now
from services.dispatch.domain.refusals import (
    ActNotPossibleNow,
    AppealedBefore,
    CannotMerge,
    ClosedTooLong,
    FieldMissing,
    NoAppeal,
    NothingCorrected,
    NothingToAppeal,
    NotSelfHandled,
    OwnWork,
    ReopenedBefore,
    UnknownCategory,
    UnknownCondition,
)
from services.dispatch.domain.worktime import Limit, Unit
from shared.kernel.area import AreaPath
from tests.unit.dispatch.cases import RULES, START, actor, another, do, opened, ruled, until

A, P, S = Act, Post, Status


def late(by: timedelta = timedelta(hours=1)) -> Case:
    """A case that was closed, handled so long after its deadline."""
    case = until(S.HANDLING)
    assert case.due_at is not None
    case = do(case, A.REPORT_HANDLED, P.UNIT_CLERK, at=case.due_at + by)
    for act, post in ((A.REQUEST_CHECK, P.ACCEPTOR), (A.ANSWER_CHECK, P.SUPERVISOR), (A.CLOSE, P.SHIFT_LEADER)):
        case = do(case, act, post)
    return case


@pytest.mark.parametrize("act", [A.VOID, A.FORCE_CLOSE])
def test_who_ends_a_case_out_of_turn_says_why(act: Act) -> None:
    with pytest.raises(FieldMissing, match="the reason, which is kept"):
        do(until(S.HANDLING), act, P.SHIFT_LEADER, opinion=None)
    ended = do(until(S.HANDLING), act, P.SHIFT_LEADER, opinion="a demolition site now")
    assert ended.facts[-1].opinion == "a demolition site now"
    assert ended.facts[-1].clock is not None
    assert (ended.running, ended.ended_at) == (None, ended.facts[-1].at)
    assert ended.facts[-1].details == ({"forced": True} if act is A.FORCE_CLOSE else {})


def test_what_is_put_right_on_the_spot_is_closed_at_once_with_evidence() -> None:
    with pytest.raises(FieldMissing, match="evidence"):
        do(opened(), A.SELF_HANDLE, P.GRID_WORKER, evidence=())
    case = do(opened(), A.SELF_HANDLE, P.GRID_WORKER)
    assert (case.status, case.result, case.matters.self_handled) == (S.CLOSED, "swept", True)
    with pytest.raises(OwnWork):
        do(case, A.SPOT_CHECK, P.GRID_WORKER)
    looked_at = do(case, A.SPOT_CHECK, P.SUPERVISOR, passed=False)
    assert (looked_at.status, looked_at.facts[-1].details["passed"]) == (S.CLOSED, False)
    with pytest.raises(NotSelfHandled):
        do(looked_at, A.SPOT_CHECK, P.SUPERVISOR)


def test_a_closed_case_is_reopened_as_another_one_and_stays_as_it_is() -> None:
    case = until(S.CLOSED)
    closed = do(case, A.REOPEN, P.ACCEPTOR)
    assert (closed.status, closed.ended_at, closed.matters.reopened_as) == (S.CLOSED, case.ended_at, UUID(int=4))
    new = reopened(closed, UUID(int=4), "YC2", closed.facts[-1].at, RULES)
    assert (new.status, new.version, new.reports, new.matters.reopened_from) == (S.REPORTED, 1, case.reports, case.id)
    assert new.facts[0].details == {"reopened_from": case.id}
    with pytest.raises(ReopenedBefore):
        do(closed, A.REOPEN, P.SHIFT_LEADER)


def test_after_so_many_days_it_is_reported_anew() -> None:
    case = until(S.CLOSED)
    assert case.ended_at is not None
    do(case, A.REOPEN, P.ACCEPTOR, at=case.ended_at + timedelta(days=30))
    with pytest.raises(ClosedTooLong, match="30 days"):
        do(case, A.REOPEN, P.ACCEPTOR, at=case.ended_at + timedelta(days=30, seconds=1))


def test_an_appeal_is_reviewed_by_command_decided_by_supervision_and_leaves_the_mark() -> None:
    case = do(late(), A.APPEAL, P.UNIT_CLERK)
    with pytest.raises(NoAppeal, match="a decision after review"):
        do(case, A.DECIDE_APPEAL, P.ACCEPTOR)
    case = do(case, A.REVIEW_APPEAL, P.DISPATCHER, recommended=False)
    with pytest.raises(NoAppeal, match="a review"):
        do(case, A.REVIEW_APPEAL, P.DISPATCHER)
    case = do(case, A.DECIDE_APPEAL, P.ACCEPTOR)
    assert case.facts[-1].details == {"approved": True, "recommended": False}
    assert (case.overdue, case.matters.exempt) == (True, True)
    with pytest.raises(AppealedBefore):
        do(case, A.APPEAL, P.UNIT_CLERK)
    with pytest.raises(NoAppeal):
        do(case, A.DECIDE_APPEAL, P.ACCEPTOR)


def test_who_was_in_time_has_nothing_to_appeal_against() -> None:
    with pytest.raises(NothingToAppeal):
        do(late(timedelta(0)), A.APPEAL, P.UNIT_CLERK)


def test_a_merged_case_is_void_and_the_other_takes_its_reports_over() -> None:
    other = another()
    merged = do(until(S.ACCEPTED), A.MERGE, P.ACCEPTOR, other=other)
    assert (merged.status, merged.matters.merged_into) == (S.VOIDED, other.id)
    survivor = absorbed(other, merged, merged.facts[-1].at, RULES)
    assert survivor.reports == (UUID(int=5), UUID(int=1))
    assert (survivor.status, survivor.revision, survivor.version) == (other.status, other.revision, other.version + 1)
    assert survivor.facts[-1].details["new_reports"] == [UUID(int=1)]


@pytest.mark.parametrize("what", ["nothing", "itself", "ended"])
def test_what_a_case_cannot_be_merged_into(what: str) -> None:
    case = until(S.ACCEPTED)
    other = {"nothing": None, "itself": case, "ended": replace(another(), status=S.CLOSED)}[what]
    with pytest.raises(CannotMerge) as refused:
        do(case, A.MERGE, P.ACCEPTOR, other=other)
    assert refused.value.errors[0].pointer == "/into"


def test_category_place_and_area_are_put_right_before_the_dispatch() -> None:
    area = AreaPath("110108.013.001.001")
    case = do(until(S.ACCEPTED), A.CORRECT, P.ACCEPTOR, category="lamp", location=Place(116.2, 39.8), area=area)
    assert (case.category, case.place, case.area) == ("lamp", Place(116.2, 39.8), area)
    assert case.born_in == "110108.012.003.017"
    assert case.facts[-1].moved_from == "110108.012.003.017"
    with pytest.raises(NothingCorrected):
        do(case, A.CORRECT, P.ACCEPTOR, category="lamp", location=Place(116.2, 39.8), area=area)
    with pytest.raises(UnknownCategory):
        do(case, A.CORRECT, P.ACCEPTOR, category="moon")
    with pytest.raises(ActNotPossibleNow):
        do(until(S.DISPATCHED), A.CORRECT, P.ACCEPTOR)


def test_a_filed_case_takes_a_new_category_with_its_condition() -> None:
    case = until(S.FILED)
    with pytest.raises(UnknownCondition, match="dark"):
        do(case, A.CORRECT, P.ACCEPTOR, category="lamp")
    case = do(case, A.CORRECT, P.ACCEPTOR, category="lamp", condition="dark")
    assert (case.category, case.condition, case.limit) == ("lamp", "dark", Limit(1, Unit.WORK_DAY))


def test_one_desk_accepts_and_files_in_one_act_and_two_facts() -> None:
    with ruled(single_desk=True):
        case = do(opened(START), A.FILE, P.ACCEPTOR)
    assert case.status is S.FILED
    assert [fact.act for fact in case.facts] == [A.OPEN, A.ACCEPT, A.FILE]
    assert [clock.stage for clock in case.clocks if clock.running] == ["dispatch"]
    assert A.FILE in acts_now(opened(), actor(P.ACCEPTOR), replace(RULES, single_desk=True))
    assert A.FILE not in acts_now(opened(), actor(P.ACCEPTOR), RULES)


def test_what_was_wrongly_filed_or_accepted_goes_back_a_stage_with_its_reason() -> None:
    with pytest.raises(FieldMissing, match="what is wrong with it"):
        do(until(S.FILED), A.SEND_BACK, P.DISPATCHER, opinion="")
    case = do(until(S.FILED), A.SEND_BACK, P.DISPATCHER)
    assert (case.status, case.condition, case.limit) == (S.ACCEPTED, None, None)
    case = do(case, A.SEND_BACK, P.SHIFT_LEADER)
    assert case.status is S.REPORTED
    assert case.running is not None
    assert (case.running.stage, case.running.generation) == ("accept", 2)
