"""The act table, walked whole: every act in every status by every post."""

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatch.domain.acts import perform
from services.dispatch.domain.case import Act, Place, Post, Status
from services.dispatch.domain.due import timers
from services.dispatch.domain.lifecycle import PERSONAL, TABLE, acts_now
from services.dispatch.domain.refusals import (
    ActNotPossibleNow,
    CheckNotPassed,
    FieldMissing,
    NotThisUnit,
    OwnWork,
    TooFarAway,
    UnknownCondition,
    UnknownUnit,
    WrongCentre,
    WrongPost,
)
from services.dispatch.domain.table import MARKS
from shared.kernel.errors import Conflict, Forbidden, Refusal
from tests.unit.dispatch.cases import MINUTE, RULES, STRAIGHT, actor, do, opened, order, prepared, until

S, A, P = Status, Act, Post
REACHED = {status: until(status) for status in Status}

# Written by hand from the trade's own rules (DESIGN §4, WORKFLOW §3), not from the table: status, act, who, where to.
DESK, LEADER = {P.ACCEPTOR, P.SHIFT_LEADER}, {P.SHIFT_LEADER}
SPOT, COMMAND = {P.SUPERVISOR, P.GRID_WORKER, P.GRID_LEADER}, {P.DISPATCHER, P.COMMAND_LEADER}
UNIT, SYSTEM = {P.UNIT_CLERK}, {P.SYSTEM}
OPEN = [status for status in S if status not in (S.REJECTED, S.CLOSED, S.VOIDED)]
EXPECTED: dict[tuple[Status, Act], tuple[set[Post], Status]] = {
    (S.REPORTED, A.ACCEPT): (DESK, S.ACCEPTED),
    (S.REPORTED, A.AUTO_ACCEPT): (SYSTEM, S.ACCEPTED),
    (S.REPORTED, A.DECLINE): (DESK, S.REJECTED),
    (S.REPORTED, A.REQUEST_VERIFICATION): (DESK, S.VERIFYING),
    (S.VERIFYING, A.ANSWER_VERIFICATION): (SPOT, S.REPORTED),
    (S.REPORTED, A.SELF_HANDLE): (SPOT, S.CLOSED),
    (S.VERIFYING, A.SELF_HANDLE): (SPOT, S.CLOSED),
    (S.ACCEPTED, A.FILE): (LEADER, S.FILED),
    (S.ACCEPTED, A.AUTO_FILE): (SYSTEM, S.FILED),
    (S.ACCEPTED, A.REFUSE_FILING): (LEADER, S.REJECTED),
    (S.ACCEPTED, A.SEND_BACK): (LEADER, S.REPORTED),
    (S.FILED, A.SEND_BACK): (COMMAND, S.ACCEPTED),
    (S.FILED, A.DISPATCH): (COMMAND, S.DISPATCHED),
    (S.FILED, A.AUTO_DISPATCH): (SYSTEM, S.DISPATCHED),
    (S.DISPATCHED, A.RECALL): (COMMAND, S.FILED),
    (S.DISPATCHED, A.TAKE): (UNIT, S.HANDLING),
    (S.HANDLING, A.REPORT_HANDLED): (UNIT, S.HANDLED),
    (S.HANDLING, A.REQUEST_EXTENSION): (UNIT, S.HANDLING),
    (S.HANDLING, A.REQUEST_SUSPENSION): (UNIT, S.HANDLING),
    (S.HANDLING, A.APPROVE_EXTENSION): (COMMAND, S.HANDLING),
    (S.HANDLING, A.REFUSE_EXTENSION): (COMMAND, S.HANDLING),
    (S.HANDLING, A.APPROVE_SUSPENSION): (COMMAND, S.SUSPENDED),
    (S.HANDLING, A.REFUSE_SUSPENSION): (COMMAND, S.HANDLING),
    (S.SUSPENDED, A.RESUME): (COMMAND, S.HANDLING),
    (S.SUSPENDED, A.RESUME_ON_DATE): (SYSTEM, S.HANDLING),
    (S.HANDLED, A.ORDER_REWORK): (COMMAND, S.HANDLING),
    (S.HANDLED, A.REQUEST_CHECK): (DESK, S.CHECKING),
    (S.CHECKING, A.ANSWER_CHECK): (SPOT, S.CHECKED),
    (S.CHECKED, A.ORDER_REWORK): (DESK, S.HANDLING),
    (S.CHECKED, A.CLOSE): (LEADER, S.CLOSED),
    (S.CLOSED, A.SPOT_CHECK): (SPOT, S.CLOSED),
    (S.CLOSED, A.REOPEN): (DESK, S.CLOSED),
    (S.CLOSED, A.APPEAL): (UNIT, S.CLOSED),
    (S.CLOSED, A.REVIEW_APPEAL): (COMMAND, S.CLOSED),
    (S.CLOSED, A.DECIDE_APPEAL): (DESK, S.CLOSED),
}
for here in (S.DISPATCHED, S.HANDLING):
    EXPECTED |= {
        (here, A.REQUEST_RETURN): (UNIT, here),
        (here, A.WITHDRAW_REQUEST): (UNIT, here),
        (here, A.APPROVE_RETURN): (COMMAND, S.FILED),
        (here, A.REFUSE_RETURN): (COMMAND, here),
        (here, A.PASS_ON): (UNIT, S.DISPATCHED),
        (here, A.COORDINATE): (COMMAND, here),
    }
for here in OPEN:
    EXPECTED |= {
        (here, A.REPLY_URGING): (UNIT, here),
        (here, A.REPORT_PART): (UNIT, here),
        (here, A.ANSWER_SUMMONS): (UNIT, here),
        (here, A.VOID): (LEADER, S.VOIDED),
        (here, A.FORCE_CLOSE): (LEADER, S.CLOSED),
        (here, A.MERGE): (DESK, S.VOIDED),
        (here, A.ABSORB): (SYSTEM, here),
        (here, A.ADD_REPORT): (SYSTEM, here),
        (here, A.REMOVE_REPORT): (SYSTEM, here),
    }
for here in (S.DISPATCHED, S.HANDLING, S.SUSPENDED):
    EXPECTED[here, A.URGE] = (COMMAND, here)
for here in (S.FILED, S.DISPATCHED, S.HANDLING):
    EXPECTED[here, A.SUMMON] = (COMMAND, here)
for here in (S.FILED, S.DISPATCHED, S.HANDLING, S.HANDLED, S.SUSPENDED):
    EXPECTED[here, A.ESCALATE] = (COMMAND, here)
for here in (S.REPORTED, S.VERIFYING, S.ACCEPTED, S.FILED):
    EXPECTED[here, A.CORRECT] = (DESK, here)
for here in (S.VERIFYING, S.CHECKING):
    EXPECTED[here, A.REASSIGN_TASK] = (SYSTEM, here)
EXPECTED[S.REPORTED, A.WITHDRAW] = (SYSTEM, S.VOIDED)

OF_REPORTS = {A.ABSORB, A.ADD_REPORT, A.REMOVE_REPORT}
# The system's marks come from clocks alone, and have no order that anybody could give.
MINUTES = st.sampled_from([1, 5, 60, 3000, 300_000])
ACTS = [act for act in Act if act is not A.OPEN and act not in MARKS - OF_REPORTS]
# In the table, and refused by a guard in this state of things: a regime with two desks; a unit that still exists.
GUARDED = {(S.REPORTED, A.FILE): set(), (S.HANDLING, A.RECALL): COMMAND}


@pytest.mark.parametrize(("status", "act"), list(product(Status, ACTS)))
def test_every_act_in_every_status_by_every_post(status: Status, act: Act) -> None:
    case = prepared(REACHED[status], act)
    who, to = EXPECTED.get((status, act), (set(), None))
    ever = {one for (_, other), (posts, _) in EXPECTED.items() if other is act for one in posts}
    ever |= {one for (_, other), posts in GUARDED.items() if other is act for one in posts}
    at = case.facts[-1].at + MINUTE
    for post in Post:
        assert (act in acts_now(case, actor(post), RULES)) == (post in who)
        if post in who:
            after = perform(case, order(act), actor(post), at, RULES)
            assert after.status is to
            assert (after.version, after.revision) == (case.version + 1, case.revision + (act not in MARKS))
            assert after.facts[-1].act is act
            continue
        with pytest.raises((Conflict, Forbidden)) as refused:
            perform(case, order(act), actor(post), at, RULES)
        # In a status where others may do this act it is the post that is wrong, elsewhere the status.
        assert isinstance(refused.value, Forbidden if who or post not in ever else Conflict)


def test_the_table_has_no_row_beyond_the_expected() -> None:
    marks = {key for key in TABLE if key[1] in MARKS - OF_REPORTS}
    assert TABLE.keys() - marks == EXPECTED.keys() | GUARDED.keys()
    assert set(PERSONAL) == {act for (_, act), (who, _) in EXPECTED.items() if who != SYSTEM}


def test_marks_change_no_status_and_are_the_systems_alone() -> None:
    for (status, act), step in TABLE.items():
        if act in MARKS:
            assert step.to is status
            assert step.posts == (P.SYSTEM,)


def test_nothing_leads_out_of_a_final_status() -> None:
    assert {key for key, step in TABLE.items() if key[0].terminal and step.to is not key[0]} == set()


def test_no_post_of_one_centre_does_an_act_of_another() -> None:
    """Command does not file, check or close; supervision does not dispatch or decide requests; units judge nothing."""
    for (status, act), step in TABLE.items():
        assert {actor(post).centre for post in step.posts} == {step.centre.value}, (status, act)


def test_the_straight_path_by_hand() -> None:
    case = opened()
    statuses = [case.status]
    for act, post in STRAIGHT:
        case = do(case, act, post)
        statuses.append(case.status)
    assert [status.value for status in statuses] == [
        "reported", "accepted", "filed", "dispatched", "handling", "handled", "checking", "checked", "closed",
    ]  # fmt: skip
    assert [fact.version for fact in case.facts] == list(range(1, 10))
    assert [(fact.from_status, fact.status) for fact in case.facts[1:]] == list(pairwise(statuses))
    assert case.handlers == ("unit_clerk-1",)


def test_a_wrong_centre_is_told_from_a_wrong_post() -> None:
    with pytest.raises(WrongCentre, match="supervision 监督中心"):
        do(opened(), A.ACCEPT, P.DISPATCHER)
    with pytest.raises(WrongPost, match="shift_leader 值班长"):
        do(until(S.ACCEPTED), A.FILE, P.ACCEPTOR)


def test_a_refusal_names_where_the_act_is_possible_and_what_is_possible_now() -> None:
    with pytest.raises(ActNotPossibleNow) as refused:
        do(until(S.HANDLED), A.CLOSE, P.SHIFT_LEADER)
    assert refused.value.facts["possible_from"] == ["checked"]
    assert refused.value.facts["acts"] == ["request_check", "void", "force_close", "merge"]
    assert "handled 已处置" in refused.value.detail


@pytest.mark.parametrize("act", [A.DECLINE, A.REFUSE_FILING, A.ORDER_REWORK])
def test_an_opinion_is_welcome_and_never_asked_for(act: Act) -> None:
    (status, _), (posts, _) = next(item for item in EXPECTED.items() if item[0][1] is act)
    for opinion in (None, "not the city's matter"):
        assert do(until(status), act, min(posts), opinion=opinion).facts[-1].opinion == opinion


def test_only_the_dispatched_unit_takes_and_handles() -> None:
    for status, act in ((S.DISPATCHED, A.TAKE), (S.HANDLING, A.REPORT_HANDLED)):
        case = until(status)
        other = actor(P.UNIT_CLERK, "clerk of roads", "roads")
        with pytest.raises(NotThisUnit, match="water"):
            perform(case, order(act), other, case.facts[-1].at, RULES)
        assert acts_now(case, other, RULES) == []


def test_whoever_handled_does_not_check() -> None:
    case = until(S.CHECKING)
    handler = actor(P.SUPERVISOR, subject="unit_clerk-1")
    with pytest.raises(OwnWork, match="somebody else"):
        perform(case, order(A.ANSWER_CHECK), handler, case.facts[-1].at, RULES)


@pytest.mark.parametrize("unit", ["water", "roads"])
def test_nobody_of_a_unit_that_handled_checks(unit: str) -> None:
    case = do(until(S.FILED), A.DISPATCH, P.DISPATCHER, assisting=("roads",))
    for act, post in STRAIGHT[3:6]:
        case = do(case, act, post)
    with pytest.raises(OwnWork, match="outside"):
        perform(case, order(A.ANSWER_CHECK), actor(P.GRID_WORKER, unit=unit), case.facts[-1].at, RULES)
    other = perform(case, order(A.ANSWER_CHECK), actor(P.GRID_WORKER, unit="light"), case.facts[-1].at, RULES)
    assert other.passed


def test_a_case_closes_only_on_a_passed_check() -> None:
    case = do(until(S.CHECKING), A.ANSWER_CHECK, P.SUPERVISOR, passed=False)
    assert A.CLOSE not in acts_now(case, actor(P.SHIFT_LEADER), RULES)
    with pytest.raises(CheckNotPassed):
        do(case, A.CLOSE, P.SHIFT_LEADER)
    case = do(case, A.ORDER_REWORK, P.SHIFT_LEADER)
    assert (case.status, case.unit, case.passed) == (S.HANDLING, "water", None)
    assert case.facts[-1].details == {"after_check": True}


def test_rework_before_a_check_is_refused_evidence() -> None:
    case = do(until(S.HANDLED), A.ORDER_REWORK, P.COMMAND_LEADER)
    assert case.facts[-1].details == {"after_check": False}


@pytest.mark.parametrize(
    ("status", "act", "post", "fields", "kind", "pointer"),
    [
        (S.ACCEPTED, A.FILE, P.SHIFT_LEADER, {"condition": "dark"}, UnknownCondition, "/condition"),
        (S.ACCEPTED, A.FILE, P.SHIFT_LEADER, {"condition": None}, UnknownCondition, "/condition"),
        (S.FILED, A.DISPATCH, P.DISPATCHER, {"unit": "nobody"}, UnknownUnit, "/unit"),
        (S.FILED, A.DISPATCH, P.DISPATCHER, {"assisting": ("roads", "water")}, UnknownUnit, "/assisting/1"),
        (S.FILED, A.DISPATCH, P.DISPATCHER, {"assisting": ("roads", "roads")}, UnknownUnit, "/assisting/1"),
        (S.HANDLING, A.REPORT_HANDLED, P.UNIT_CLERK, {"result": " "}, FieldMissing, "/result"),
        (S.VERIFYING, A.ANSWER_VERIFICATION, P.SUPERVISOR, {"outcome": "perhaps"}, FieldMissing, "/outcome"),
        (S.CHECKING, A.ANSWER_CHECK, P.SUPERVISOR, {"passed": None}, FieldMissing, "/passed"),
        (S.CHECKING, A.ANSWER_CHECK, P.SUPERVISOR, {"location": Place(116.302, 39.9)}, TooFarAway, "/location"),
    ],
)
def test_what_an_act_needs(
    status: Status, act: Act, post: Post, fields: dict[str, Any], kind: type[Refusal], pointer: str
) -> None:
    with pytest.raises(kind) as refused:
        do(until(status), act, post, **fields)
    assert refused.value.errors[0].pointer == pointer


def test_a_check_from_nearby_is_taken() -> None:
    assert do(until(S.CHECKING), A.ANSWER_CHECK, P.SUPERVISOR, location=Place(116.3009, 39.9)).passed


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_walk_keeps_the_books_straight(data: st.DataObject) -> None:
    case = opened()
    for _ in range(data.draw(st.integers(0, 40))):
        possible = [(act, post) for post in Post for act in acts_now(case, actor(post), RULES) if act in ACTS]
        anything = st.tuples(st.sampled_from(ACTS), st.sampled_from(Post))
        act, post = data.draw(st.sampled_from(possible) | anything if possible else anything)
        at = case.facts[-1].at + data.draw(MINUTES) * MINUTE
        before = case
        try:
            case = do(case, act, post, at=at, passed=data.draw(st.booleans()))
        except Refusal:
            assert case is before
    assert [fact.version for fact in case.facts] == list(range(1, case.version + 1))
    assert case.revision == 1 + sum(fact.act not in (A.OPEN, *MARKS) for fact in case.facts)
    for one, two in pairwise(case.facts):
        assert two.from_status is one.status
        assert two.at >= one.at
        assert not one.status.terminal or two.status is one.status
    assert sum(clock.running for clock in case.clocks) == (0 if case.status in STANDS else 1)
    last = case.facts[-1]
    ways = {A.CLOSE: case.passed, A.SELF_HANDLE: case.matters.self_handled, A.FORCE_CLOSE: last.opinion}
    assert case.status is not S.CLOSED or any(ways[fact.act] for fact in case.facts if fact.act in ways)
    assert (case.status is S.SUSPENDED) == (case.matters.suspended_until is not None)
    assert (case.task_id is None) or case.status in (S.VERIFYING, S.CHECKING)
    assert case.matters.extensions <= 2
    assert case.matters.suspensions <= 1
    assert case.matters.request is None or case.status in (S.DISPATCHED, S.HANDLING)
    assert (case.ended_at is not None) == case.status.terminal
    assert not timers(case) or not case.status.terminal


# Where no clock runs: with command or supervision after the hand-over, with nobody, or at the end.
STANDS = (S.HANDLED, S.CHECKED, S.SUSPENDED, S.REJECTED, S.CLOSED, S.VOIDED)
