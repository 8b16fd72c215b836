"""What falls due on a case by itself: marks of its clocks, ends of suspensions, limits that ran out unanswered."""

from datetime import datetime
from typing import NamedTuple
from uuid import uuid5

from services.dispatch.domain.carry import by_system, put, told
from services.dispatch.domain.case import SYSTEM, Act, Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Mark, Stage, StageClock, stopped
from services.dispatch.domain.effects import Effect
from services.dispatch.domain.effects.together import missed
from services.dispatch.domain.matters import NOTHING_OPEN, Deadline
from services.dispatch.domain.order import Order
from services.dispatch.domain.rules import Rules


def mark(case: Case, at: datetime, rules: Rules) -> Case:
    """The case with all that fell due before `at`: its running clock's marks (warned at 80 %, overdue after the limit),
    and what else has an instant of its own (a suspension's end, an urging's limit).

    Needs no check that a timer is still meant: a clock that was stopped or started anew since has no mark due.
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
    due = clock.next_mark if clock else None
    found = [Timer(clock.stage, due[0], due[1], clock.generation)] if clock and due else []
    if case.matters is not NOTHING_OPEN and not case.status.terminal:
        found += [Timer(each.key, "due", each.due_at, 0) for each in case.matters.deadlines()]
    return found


def _next_due(case: Case) -> Deadline | None:
    clock = case.running
    due = clock.next_mark if clock else None
    first = Deadline(due[0], due[1]) if due else None
    if case.matters is NOTHING_OPEN or case.status.terminal:
        return first
    others = case.matters.deadlines()
    return min((first, *others) if first else others, key=lambda each: each.due_at, default=None)


def _fell_due(case: Case, key: str, at: datetime, rules: Rules) -> Case:
    if key in (Mark.WARN, Mark.OVERDUE):
        assert case.running is not None
        marked = _marked(case, case.running, Mark(key), at, rules)
        late = key == Mark.OVERDUE and case.running.stage in (Stage.VERIFY, Stage.CHECK)
        return _reassigned(marked, at, rules) if late else marked
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


def _marked(case: Case, clock: StageClock, reached: Mark, at: datetime, rules: Rules) -> Case:
    overdue = reached is Mark.OVERDUE
    act = Act.MARK_OVERDUE if overdue else Act.MARK_WARNED
    seen = changed(clock, warned=True, overdue=overdue)
    after = {
        "version": case.version + 1,
        "overdue": case.overdue or (overdue and clock.stage is Stage.HANDLE),
        "clocks": put(case.clocks, seen),
    }
    counted = stopped(seen, at, rules.calendar)
    return told(case, after, Order(act), SYSTEM, at, counted, Effect(details={"stage": clock.stage}))
