"""Steps of a clock beyond yellow and red: each once, in order, told to whom the pack says."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.acts import automatic, perform
from services.dispatch.domain.case import Act, Case, Fact, Post, Status
from services.dispatch.domain.clocks import Ahead, Stage
from services.dispatch.domain.due import mark, recompute
from services.dispatch.domain.lifecycle import TABLE
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.steps import COURSE, RED, YELLOW, ClockStep, Do, course_of, name_of
from services.dispatch.pack_rules import rules_of
from services.dispatch.store.clock_json import clock_json, clock_of
from shared.packs import load
from tests.unit.dispatch.calendars import LEADER, RAISING
from tests.unit.dispatch.cases import AUTOMATIC, HOUR, MINUTE, START, actor, opened, order

A, P = Act, Post
SECOND = timedelta(seconds=1)
MANY = (
    ClockStep(50, Do.NOTIFY, ("unit_clerk",)),
    ClockStep(100, Do.URGE, ("dispatcher",)),
    ClockStep(150, Do.URGE, ("dispatcher", "unit_clerk")),
    LEADER,
)


def handling(*steps: ClockStep) -> Rules:
    return replace(AUTOMATIC, courses={Stage.HANDLE: course_of(steps)})


def told(case: Case) -> list[tuple[str, object]]:
    return [(fact.act.value, fact.details.get("step")) for fact in case.facts if fact.act not in FIRST]


FIRST = {A.OPEN, A.AUTO_ACCEPT, A.AUTO_FILE, A.AUTO_DISPATCH}


def test_a_course_is_in_order_and_yellow_and_red_come_first_of_their_share() -> None:
    assert course_of([]) == COURSE
    course = course_of([LEADER, ClockStep(100, Do.NOTIFY, ("x",)), ClockStep(10, Do.NOTIFY, ("x",))])
    assert [step.percent for step in course] == [10, 80, 100, 100, 200]
    assert course[2] is RED
    assert [name_of(percent) for percent in (10, 80, 100, 200)] == ["at_10", "warn", "overdue", "at_200"]


def test_every_step_fires_once_in_its_order_at_its_time() -> None:
    rules = handling(*MANY)
    case = automatic(opened(), START, rules)
    expected = [
        (1.0, ("auto_escalate", "at_50")),
        (1.6, ("mark_warned", None)),
        (2.0, ("mark_overdue", None)),
        (2.0, ("auto_escalate", "at_100")),
        (3.0, ("auto_escalate", "at_150")),
        (4.0, ("auto_escalate", "at_200")),
    ]
    for hours in (1.0, 1.6, 2.0, 3.0, 4.0):
        assert told(mark(case, START + hours * HOUR, rules)) == [step for at, step in expected if at < hours]
        case = mark(case, START + hours * HOUR + SECOND, rules)
        assert told(case) == [step for at, step in expected if at <= hours]
        assert mark(case, START + hours * HOUR + SECOND, rules) is case
    later = mark(case, START + 1000 * HOUR, rules)
    # What a step urged was not replied to: that is marked, and no step fires again.
    assert {fact.act for fact in later.facts[len(case.facts) :]} == {A.MARK_UNANSWERED}
    assert case.running is not None
    assert case.running.ahead is None
    assert [fact.version for fact in case.facts] == list(range(1, case.version + 1))
    assert case.revision == 4, "no step changes what may be done"


def test_all_that_fell_due_at_once_is_put_before_an_act() -> None:
    rules = handling(*MANY)
    case = automatic(opened(), START, rules)
    case = perform(case, order(A.TAKE), actor(P.UNIT_CLERK), START + 100 * HOUR, rules)
    assert [fact.act for fact in case.facts[4:]] == [
        A.AUTO_ESCALATE,
        A.MARK_WARNED,
        A.MARK_OVERDUE,
        A.AUTO_ESCALATE,
        A.AUTO_ESCALATE,
        A.AUTO_ESCALATE,
        A.TAKE,
    ]


def test_a_step_says_which_it_is_and_whom_it_concerns() -> None:
    fact = mark(automatic(opened(), START, RAISING), START + 5 * HOUR, RAISING).facts[-1]
    assert fact.act is A.AUTO_ESCALATE
    assert fact.details == {
        "stage": Stage.HANDLE,
        "step": "at_200",
        "share": 2.0,
        "do": Do.RAISE,
        "to": ["command_leader"],
        "level": 3,
    }
    assert fact.clock == {"stage": "handle", "limit_s": 7200, "used_s": 5 * 3600}
    assert fact.actor.subject == "system"


def test_only_red_makes_a_case_overdue() -> None:
    rules = handling(ClockStep(50, Do.RAISE, ("command_leader",)))
    case = mark(automatic(opened(), START, rules), START + 70 * MINUTE, rules)
    assert told(case) == [("auto_escalate", "at_50")]
    assert not case.overdue
    assert case.running is not None
    assert not case.running.warned


def test_a_step_that_raises_lets_the_case_climb_up_to_the_highest_level() -> None:
    case = automatic(opened(), START, RAISING)
    raised = mark(case, START + 5 * HOUR, RAISING)
    assert (case.level, raised.level) == (4, 3)
    highest = replace(RAISING, top_level=4)
    assert mark(case, START + 5 * HOUR, highest).level == 4


def test_a_step_that_urges_is_an_urging_of_the_unit_with_its_own_limit() -> None:
    rules = handling(ClockStep(100, Do.URGE, ("unit_clerk",)))
    case = mark(automatic(opened(), START, rules), START + 3 * HOUR, rules)
    [urging] = case.matters.urgings
    assert (urging.unit, urging.urged_by, urging.number) == ("water", "system", 1)
    assert case.facts[-1].details["reply_due_at"] == urging.due_at


def test_steps_go_on_after_a_pause_with_what_was_left() -> None:
    rules = handling(*MANY)
    case = automatic(opened(), START, rules)
    case = perform(case, order(A.TAKE), actor(P.UNIT_CLERK), START + 10 * MINUTE, rules)
    case = perform(case, order(A.REPORT_HANDLED), actor(P.UNIT_CLERK), START + 90 * MINUTE, rules)
    assert told(case) == [("take", None), ("auto_escalate", "at_50"), ("report_handled", None)]
    again = START + 10 * HOUR
    case = perform(case, order(A.ORDER_REWORK), actor(P.DISPATCHER), again, rules)
    assert case.running is not None
    assert case.running.ahead == Ahead(80, again + 6 * MINUTE)
    case = mark(case, again + 151 * MINUTE, rules)
    assert [name for act, name in told(case)[4:]] == [None, None, "at_100", "at_150", "at_200"]


def test_a_pack_that_changes_its_steps_fires_none_twice_and_none_that_was_passed() -> None:
    case = mark(automatic(opened(), START, handling(*MANY)), START + 3 * HOUR + SECOND, handling(*MANY))
    assert told(case)[-1] == ("auto_escalate", "at_150")
    fewer = handling(ClockStep(60, Do.NOTIFY, ("x",)), ClockStep(300, Do.NOTIFY, ("x",)))
    later = mark(case, START + 5 * HOUR, fewer)
    assert told(later) == told(case), "at_200 is gone, at_60 was passed before it was there"
    assert later is not case
    assert later.running is not None
    assert later.running.ahead == Ahead(300, START + 6 * HOUR)


limits = st.lists(
    st.builds(ClockStep, st.integers(1, 400), st.sampled_from([Do.NOTIFY, Do.URGE, Do.RAISE]), st.just(("x",))),
    max_size=5,
    unique_by=lambda step: (step.percent, step.do),
)


@given(limits, st.lists(st.integers(1, 600), min_size=1, max_size=12))
def test_however_often_one_looks_each_fires_once_and_in_order(steps: list[ClockStep], looks: list[int]) -> None:
    rules = handling(*steps)
    case, now = automatic(opened(), START, rules), START
    for minutes in looks:
        now += minutes * MINUTE
        case = mark(case, now, rules)
        stored = [clock_of(clock.stage, clock_json(clock)) for clock in case.clocks]
        assert tuple(stored) == case.clocks, "a step ahead survives its row"
    fired = [_percent(fact) for fact in case.facts if fact.act in (A.MARK_WARNED, A.MARK_OVERDUE, A.AUTO_ESCALATE)]
    used = (now - START) / (2 * HOUR) * 100
    assert fired == [step.percent for step in rules.course(Stage.HANDLE) if step.percent < used]
    assert recompute(case, now, rules) is case


def _percent(fact: Fact) -> int:
    if fact.act is A.AUTO_ESCALATE:
        share: float = fact.details["share"]
        return round(share * 100)
    return YELLOW.percent if fact.act is A.MARK_WARNED else RED.percent


def test_handling_is_raised_at_twice_its_limit_unless_the_pack_says_otherwise() -> None:
    rules = rules_of(load("haidian"))
    assert rules.course(Stage.HANDLE) == (YELLOW, RED, LEADER)
    assert {rules.course(stage) for stage in Stage if stage is not Stage.HANDLE} == {COURSE}


def test_no_step_is_possible_in_a_final_status() -> None:
    assert {status for status in Status if not status.terminal} == {s for s, act in TABLE if act is A.RECOMPUTE}
    assert not any(status.terminal for status, act in TABLE if act is A.AUTO_ESCALATE)
