"""What falls due on a case by itself: marks of its clocks, ends of suspensions, limits that ran out unanswered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid5

from services.dispatch.domain.carry import by_system, put, told
from services.dispatch.domain.case import SYSTEM, Act, Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Stage, StageClock, passed, stopped
from services.dispatch.domain.effects import Effect
from services.dispatch.domain.effects.together import missed
from services.dispatch.domain.escalation import escalation
from services.dispatch.domain.matters import NOTHING_OPEN, Deadline
from services.dispatch.domain.order import Order
from services.dispatch.domain.recount import adopted, of_unknown_calendar, outdated, recounted, taken_back
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.steps import RED, ClockStep, Do, name_of


def mark(case: Case, at: datetime, rules: Rules) -> Case:
    """The case with all that fell due before `at`, each once and in order: the steps of its running clock (warned at
    80 %, overdue after the limit, and what the pack adds), and what else has an instant of its own (a suspension's end,
    an urging's limit).

    Needs no check that a timer is still meant: a clock that was stopped or started anew since has no step due.
    """
    while (due := _next_due(case)) and due.due_at < at:
        case = _fell_due(case, due.key, at, rules)
    return case


class Timer(NamedTuple):
    """A row of the durable table: a stage's clock, or what else is due under its key."""

    stage: str
    step: str
    due_at: datetime
    generation: int


def timers(case: Case) -> list[Timer]:
    """What the durable table should hold for the case, in no order; nothing for a case that ended."""
    clock = case.running
    found = []
    if clock and clock.ahead:
        found.append(Timer(clock.stage, name_of(clock.ahead.percent), clock.ahead.at, clock.generation))
    if case.matters is not NOTHING_OPEN and not case.status.terminal:
        found += [Timer(each.key, "due", each.due_at, 0) for each in case.matters.deadlines()]
    return found


_CLOCK = "clock"


def _next_due(case: Case) -> Deadline | None:
    clock = case.running
    first = Deadline(_CLOCK, clock.ahead.at) if clock and clock.ahead else None
    if case.matters is NOTHING_OPEN or case.status.terminal:
        return first
    others = case.matters.deadlines()
    return min((first, *others) if first else others, key=lambda each: each.due_at, default=None)


def _fell_due(case: Case, key: str, at: datetime, rules: Rules) -> Case:
    if key == _CLOCK:
        return _stepped(case, at, rules)
    if key == "task":
        return _reassigned(changed(case, matters=changed(case.matters, task_due=None)), at, rules)
    if key == "suspension":
        return by_system(case, Order(Act.RESUME_ON_DATE), at, rules)
    effect = missed(case, key)
    after = {"version": case.version + 1, **effect.changes}
    return told(case, after, Order(Act.MARK_UNANSWERED), SYSTEM, at, None, effect)


def _reassigned(case: Case, at: datetime, rules: Rules) -> Case:
    """The open task to the next person of the roster, unless it has nobody else."""
    subject, why = rules.on_duty(case.area, at, case.assignee)
    if case.assignee is None or subject is None or subject == case.assignee:
        return case
    # A name that follows from what it stands for: the same at every worker that comes to this.
    task_id = uuid5(case.id, f"task of version {case.version + 1}")
    order = Order(Act.REASSIGN_TASK, task_id=task_id, assignee=subject, reason=why)
    return by_system(case, order, at, rules)


def _stepped(case: Case, at: datetime, rules: Rules) -> Case:
    """All steps of the running clock at the share that it reached."""
    clock = case.running
    assert clock is not None
    assert clock.ahead is not None
    percent, course = clock.ahead.percent, rules.course(clock.stage)
    seen = passed(clock, rules.counted_by(clock), course)
    case = changed(case, clocks=put(case.clocks, seen))
    for step in course:
        if step.percent == percent:
            case = _marked(case, seen, step, at, rules)
    late = percent == RED.percent and clock.stage in (Stage.VERIFY, Stage.CHECK)
    return _reassigned(case, at, rules) if late else case


def _marked(case: Case, seen: StageClock, step: ClockStep, at: datetime, rules: Rules) -> Case:
    act = _STEP_ACTS.get(step.do, Act.AUTO_ESCALATE)
    red = act is Act.MARK_OVERDUE
    after = {"version": case.version + 1, "overdue": case.overdue or (red and seen.stage is Stage.HANDLE)}
    details: Mapping[str, Any] = {"stage": seen.stage}
    if act is Act.AUTO_ESCALATE:
        changes, details = escalation(case, seen.stage, step, at, rules)
        after |= changes
    counted = stopped(seen, at, rules.counted_by(seen))
    return told(case, after, Order(act), SYSTEM, at, counted, Effect(details=details))


_STEP_ACTS = {Do.WARN: Act.MARK_WARNED, Do.OVERDUE: Act.MARK_OVERDUE}


def recompute(case: Case, at: datetime, rules: Rules) -> Case:
    """The case with the clocks counted again that rest on a year whose calendar has been published since.

    A fact for each clock whose deadline or steps that changes. An overdue mark that the published year takes back is
    taken back from the case, too; a deadline that moved into the past is marked at the next look.
    """
    for clock in of_unknown_calendar(case):
        case = changed(case, clocks=put(case.clocks, adopted(clock, rules)))
    for clock in outdated(case, rules):
        now = recounted(clock, at, rules)
        case = changed(case, clocks=put(case.clocks, now))
        back = taken_back(clock, now, rules)
        if now.due_at == clock.due_at and not back:
            continue
        handling = clock.stage is Stage.HANDLE
        after = {
            "version": case.version + 1,
            "due_at": now.due_at if handling else case.due_at,
            "overdue": case.overdue and not (handling and clock.overdue and not now.overdue),
        }
        details = {
            "stage": clock.stage,
            "due_before": clock.due_at,
            "due_after": now.due_at,
            "calendar": now.calendar,
            "taken_back": back,
        }
        counted = stopped(now, at, rules.counted_by(now))
        case = told(case, after, Order(Act.RECOMPUTE), SYSTEM, at, counted, Effect(details=details))
    return case
