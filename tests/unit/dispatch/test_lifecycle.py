"""The act table, walked whole: every act in every status by every post."""

import dataclasses
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatch.domain.acts import perform
from services.dispatch.domain.case import Act, Case, Place, Post, Status
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
from shared.kernel.errors import Conflict, Forbidden, Refusal
from tests.unit.dispatch.cases import MINUTE, RULES, STRAIGHT, actor, do, opened, order, until

S, A, P = Status, Act, Post
REACHED = {
    status: until(status)
    for status in Status
    if status not in (Status.SUSPENDED, Status.VOIDED)  # no act of this issue leads there
}

# Written by hand from the trade's own rules (DESIGN §4, WORKFLOW §3), not from the table: status, act, who, where to.
EXPECTED = {
    (S.REPORTED, A.ACCEPT): ({P.ACCEPTOR, P.SHIFT_LEADER}, S.ACCEPTED),
    (S.REPORTED, A.DECLINE): ({P.ACCEPTOR, P.SHIFT_LEADER}, S.REJECTED),
    (S.REPORTED, A.REQUEST_VERIFICATION): ({P.ACCEPTOR, P.SHIFT_LEADER}, S.VERIFYING),
    (S.VERIFYING, A.ANSWER_VERIFICATION): ({P.SUPERVISOR, P.GRID_WORKER, P.GRID_LEADER}, S.REPORTED),
    (S.ACCEPTED, A.FILE): ({P.SHIFT_LEADER}, S.FILED),
    (S.ACCEPTED, A.REFUSE_FILING): ({P.SHIFT_LEADER}, S.REJECTED),
    (S.FILED, A.DISPATCH): ({P.DISPATCHER, P.COMMAND_LEADER}, S.DISPATCHED),
    (S.DISPATCHED, A.TAKE): ({P.UNIT_CLERK}, S.HANDLING),
    (S.HANDLING, A.REPORT_HANDLED): ({P.UNIT_CLERK}, S.HANDLED),
    (S.HANDLED, A.ORDER_REWORK): ({P.DISPATCHER, P.COMMAND_LEADER}, S.HANDLING),
    (S.HANDLED, A.REQUEST_CHECK): ({P.ACCEPTOR, P.SHIFT_LEADER}, S.CHECKING),
    (S.CHECKING, A.ANSWER_CHECK): ({P.SUPERVISOR, P.GRID_WORKER, P.GRID_LEADER}, S.CHECKED),
    (S.CHECKED, A.ORDER_REWORK): ({P.ACCEPTOR, P.SHIFT_LEADER}, S.HANDLING),
    (S.CHECKED, A.CLOSE): ({P.SHIFT_LEADER}, S.CLOSED),
    (S.REPORTED, A.AUTO_ACCEPT): ({P.SYSTEM}, S.ACCEPTED),
    (S.ACCEPTED, A.AUTO_FILE): ({P.SYSTEM}, S.FILED),
    (S.FILED, A.AUTO_DISPATCH): ({P.SYSTEM}, S.DISPATCHED),
}
BY_TIME = (A.MARK_WARNED, A.MARK_OVERDUE, A.AUTO_ESCALATE, A.RECOMPUTE)
ACTS = [act for act in Act if act is not A.OPEN and act not in BY_TIME]


def in_status(status: Status) -> Case:
    if status in REACHED:
        return REACHED[status]
    return dataclasses.replace(REACHED[S.HANDLING], status=status)


@pytest.mark.parametrize(("status", "act", "post"), list(product(Status, ACTS, Post)))
def test_every_act_in_every_status_by_every_post(status: Status, act: Act, post: Post) -> None:
    case = in_status(status)
    who, to = EXPECTED.get((status, act), (set(), None))
    ever = {one for (_, other), (posts, _) in EXPECTED.items() if other is act for one in posts}
    at = case.facts[-1].at + MINUTE
    if post in who:
        after = perform(case, order(act), actor(post), at, RULES)
        assert after.status is to
        assert (after.version, after.revision) == (case.version + 1, case.revision + 1)
        assert after.facts[-1].act is act
    elif post not in ever:
        with pytest.raises(Forbidden):
            perform(case, order(act), actor(post), at, RULES)
    else:
        with pytest.raises((Conflict, Forbidden)) as refused:
            perform(case, order(act), actor(post), at, RULES)
        # In a status where others may do this act it is the post that is wrong, elsewhere the status.
        assert isinstance(refused.value, Forbidden if who else Conflict)
    assert (act in acts_now(case, actor(post))) == (post in who)


def test_the_table_has_no_row_beyond_the_expected() -> None:
    assert {key for key in TABLE if key[1] not in BY_TIME} == EXPECTED.keys()
    assert set(PERSONAL) == {act for _, act in EXPECTED} - {A.AUTO_ACCEPT, A.AUTO_FILE, A.AUTO_DISPATCH}


def test_marks_change_no_status_and_are_the_systems_alone() -> None:
    for (status, act), step in TABLE.items():
        if act in BY_TIME:
            assert step.to is status
            assert step.posts == (P.SYSTEM,)


def test_nothing_leads_out_of_a_final_status() -> None:
    assert not [key for key in TABLE if key[0].terminal]


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
    assert refused.value.facts["acts"] == ["request_check"]
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
        assert acts_now(case, other) == []


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
    assert acts_now(case, actor(P.SHIFT_LEADER)) == [A.ORDER_REWORK]
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


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(Post), st.booleans()), max_size=40))
def test_any_walk_keeps_the_books_straight(walk: list[tuple[Act, Post, bool]]) -> None:
    case = opened()
    for act, post, passed in walk:
        before = case
        try:
            case = do(case, act, post, passed=passed)
        except Refusal:
            assert case is before
    assert [fact.version for fact in case.facts] == list(range(1, case.version + 1))
    assert case.revision == 1 + sum(fact.act not in (A.OPEN, *BY_TIME) for fact in case.facts)
    for one, two in pairwise(case.facts):
        assert two.from_status is one.status
        assert two.at >= one.at
    assert sum(clock.running for clock in case.clocks) <= 1
    assert case.status is not S.CLOSED or case.passed
