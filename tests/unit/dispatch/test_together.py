"""Several parties to one case: urging, assisting units, whistles, two-way dispatch, the climb."""

from dataclasses import replace

import pytest

from services.dispatch.domain.case import Act, Actor, Case, Post, Status
from services.dispatch.domain.due import mark, timers
from services.dispatch.domain.lifecycle import acts_now
from services.dispatch.domain.order import PartWanted
from services.dispatch.domain.refusals import (
    FieldMissing,
    HigherLevel,
    NoPart,
    NotPartners,
    NotUrged,
    TopLevel,
    UnknownUnit,
)
from services.dispatch.domain.worktime import Limit, Unit
from shared.kernel.area import AreaPath
from tests.unit.dispatch.cases import HOUR, MINUTE, RULES, actor, do, ruled, until

A, P, S = Act, Post, Status
TWO_HOURS = Limit(2, Unit.URGENT_HOUR)


def clerk(unit: str) -> Actor:
    return actor(P.UNIT_CLERK, f"clerk of {unit}", unit)


def keys(case: Case) -> set[str]:
    return {timer.stage for timer in timers(case)}


def test_an_urging_is_a_record_with_its_own_limit_and_reply() -> None:
    case = do(until(S.HANDLING), A.URGE, P.COMMAND_LEADER, limit=TWO_HOURS)
    case = do(case, A.URGE, P.DISPATCHER)
    assert keys(case) == {"handle", "urging:1", "urging:2"}
    assert case.matters.urgings[0].due_at == case.matters.urgings[0].urged_at + 2 * HOUR
    case = do(case, A.REPLY_URGING, P.UNIT_CLERK)
    assert case.facts[-1].details == {"urging": 1, "in_time": True}
    assert keys(case) == {"handle", "urging:2"}
    with pytest.raises(NotUrged, match="those that do: 2"):
        do(case, A.REPLY_URGING, P.UNIT_CLERK, urging=1)
    case = do(case, A.REPLY_URGING, P.UNIT_CLERK, urging=2)
    with pytest.raises(NotUrged):
        do(case, A.REPLY_URGING, P.UNIT_CLERK)


def test_an_urging_left_unanswered_is_marked_once_and_may_be_answered_late() -> None:
    case = do(until(S.HANDLING), A.URGE, P.COMMAND_LEADER, limit=Limit(5, Unit.URGENT_MINUTE))
    revision = case.revision
    case = mark(case, case.facts[-1].at + 10 * MINUTE, RULES)
    assert (case.facts[-1].act, case.facts[-1].details) == (A.MARK_UNANSWERED, {"what": "urging:1", "who": "water"})
    assert case.revision == revision, "a mark costs nobody a stale If-Match"
    assert mark(case, case.facts[-1].at + MINUTE, RULES) is case
    case = do(case, A.REPLY_URGING, P.UNIT_CLERK)
    assert case.facts[-1].details == {"urging": 1, "in_time": False}


def test_each_assisting_unit_has_its_own_task_and_clock() -> None:
    parts = (PartWanted("roads", "close the lane", TWO_HOURS), PartWanted("light", "light it"))
    case = do(until(S.HANDLING), A.COORDINATE, P.COMMAND_LEADER, parts=parts)
    assert (case.unit, case.assisting) == ("water", ("roads", "light"))
    assert keys(case) == {"handle", "assist:roads", "assist:light"}
    assert case.matters.parts[1].due_at == case.due_at, "without a limit of its own, as long as the case"
    assert acts_now(case, clerk("roads"), RULES) == [A.REPORT_PART]
    case = do(case, A.REPORT_PART, P.UNIT_CLERK, by=clerk("roads"))
    assert case.facts[-1].details == {"part_unit": "roads", "in_time": True, "result": "lane closed"}
    with pytest.raises(NoPart):
        do(case, A.REPORT_PART, P.UNIT_CLERK, by=clerk("roads"))
    case = do(case, A.REPORT_HANDLED, P.UNIT_CLERK)
    assert case.facts[-1].details["parts_open"] == ["light"]


def test_an_assisting_unit_does_not_stop_the_lead_units_clock_and_does_not_check() -> None:
    case = do(until(S.FILED), A.DISPATCH, P.DISPATCHER, assisting=("roads",))
    case = do(do(case, A.TAKE, P.UNIT_CLERK), A.REPORT_PART, P.UNIT_CLERK, by=clerk("roads"))
    assert case.running is not None
    assert "clerk of roads" in case.handlers


@pytest.mark.parametrize("unit", ["nobody", "water", "roads"])
def test_who_cannot_assist(unit: str) -> None:
    case = do(until(S.HANDLING), A.COORDINATE, P.DISPATCHER, parts=(PartWanted("roads"),))
    with pytest.raises(UnknownUnit) as refused:
        do(case, A.COORDINATE, P.DISPATCHER, parts=(PartWanted("light"), PartWanted(unit)))
    assert refused.value.errors[0].pointer == "/parts/1/unit"


@pytest.mark.parametrize("act", [A.COORDINATE, A.SUMMON])
def test_coordinating_nobody(act: Act) -> None:
    with pytest.raises(FieldMissing, match="needs parts"):
        do(until(S.HANDLING), act, P.DISPATCHER, parts=())


def test_a_street_whistles_and_the_units_report() -> None:
    case = do(until(S.FILED), A.SUMMON, P.DISPATCHER, parts=(PartWanted("roads"), PartWanted("water")))
    assert keys(case) == {"dispatch", "summons:roads", "summons:water"}
    assert {part.due_at for part in case.matters.parts} == {case.facts[-1].at + 2 * HOUR}
    case = do(case, A.ANSWER_SUMMONS, P.UNIT_CLERK, by=clerk("roads"))
    late = mark(case, case.facts[-1].at + 3 * HOUR, RULES)
    assert [f.details["who"] for f in late.facts if f.act is A.MARK_UNANSWERED] == ["water"]
    # Named as the lead later, it is no assisting unit of itself.
    led = do(case, A.DISPATCH, P.DISPATCHER)
    assert (led.unit, led.assisting) == ("water", ())


def test_partners_send_work_to_one_another_without_command_and_the_clock_runs_on() -> None:
    case = until(S.HANDLING)
    passed = do(case, A.PASS_ON, P.UNIT_CLERK)
    assert (passed.status, passed.unit, passed.due_at) == (S.DISPATCHED, "street", case.due_at)
    assert passed.running is not None
    with pytest.raises(NotPartners, match="passed it on itself"):
        do(passed, A.PASS_ON, P.UNIT_CLERK, by=clerk("street"), unit="water")
    with pytest.raises(NotPartners, match="no partner"):
        do(case, A.PASS_ON, P.UNIT_CLERK, unit="roads")
    assert A.PASS_ON not in acts_now(case, actor(P.UNIT_CLERK), replace(RULES, two_way=frozenset()))


def test_a_matter_climbs_and_the_levels_below_answer_for_it_no_more() -> None:
    """Grid → community → street → district: DESIGN §4."""
    case = until(S.FILED)
    street = Actor("d", "command", P.DISPATCHER, None, AreaPath("110108.012"))
    district = Actor("e", "command", P.COMMAND_LEADER, None, AreaPath("110108"))
    for level in (3, 2, 1):
        assert (A.DISPATCH in acts_now(case, street, RULES)) == (case.level >= 2)
        case = do(case, A.ESCALATE, P.DISPATCHER, by=district)
        assert (case.level, case.facts[-1].details["level"]) == (level, level)
    with pytest.raises(HigherLevel, match="climbed to level 1"):
        do(case, A.DISPATCH, P.DISPATCHER, by=street)
    with pytest.raises(TopLevel):
        do(case, A.ESCALATE, P.DISPATCHER, by=district)
    assert do(case, A.DISPATCH, P.DISPATCHER, by=district).status is S.DISPATCHED
    with ruled(top_level=0):
        assert do(case, A.ESCALATE, P.DISPATCHER).level == 0


def test_what_ended_waits_for_nothing() -> None:
    case = do(until(S.HANDLING), A.URGE, P.DISPATCHER)
    case = do(case, A.COORDINATE, P.DISPATCHER)
    for act in (A.VOID, A.FORCE_CLOSE):
        assert timers(do(case, act, P.SHIFT_LEADER)) == []
