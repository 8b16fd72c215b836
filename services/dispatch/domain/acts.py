"""What an act does to a case: each returns the case as it then stands, with the facts that say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch.domain.case import SYSTEM, Act, Actor, Case, Fact, Place, Status
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Stage, StageClock, passed, resumed, started, stopped
from services.dispatch.domain.effects import EFFECTS, Effect
from services.dispatch.domain.escalation import escalation_details, escalation_effect
from services.dispatch.domain.lifecycle import Step, permitted
from services.dispatch.domain.order import Order
from services.dispatch.domain.recount import adopted, of_unknown_calendar, outdated, recounted, taken_back
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.steps import ClockStep, Do
from shared.kernel.area import AreaPath


@dataclass(frozen=True, slots=True)
class Report:
    """A report 上报 that becomes a case: what intake tells us of it."""

    id: UUID
    category: str
    description: str
    place: Place
    area: AreaPath
    source: str
    occurred_at: datetime | None = None
    attributes: Mapping[str, Any] | None = None
    media: tuple[UUID, ...] = ()


def open_case(report: Report, case_id: UUID, number: str, at: datetime, rules: Rules) -> Case:
    """A new case of one report, its accept clock running."""
    limit = rules.stages.get(Stage.ACCEPT)
    return Case(
        id=case_id,
        number=number,
        status=Status.REPORTED,
        version=1,
        revision=1,
        area=report.area,
        born_in=report.area,
        place=report.place,
        category=report.category,
        description=report.description,
        source=report.source,
        opened_at=at,
        reports=(report.id,),
        occurred_at=report.occurred_at,
        attributes=report.attributes or {},
        media=report.media,
        clocks=(started(Stage.ACCEPT, limit, at, rules.calendar, 1, rules.course(Stage.ACCEPT)),) if limit else (),
        facts=(Fact(1, 1, Act.OPEN, at, SYSTEM, None, Status.REPORTED),),
    )


def automatic(case: Case, at: datetime, rules: Rules) -> Case:
    """The acts that the pack leaves to the system, as far as its routing rule has an answer for the case."""
    if not rules.automatic:
        return case
    route = rules.route(case.category, case.area)
    for act in rules.automatic:
        if act is Act.AUTO_ACCEPT:
            case = perform(case, Order(act), SYSTEM, at, rules)
        elif route is None:
            break
        elif act is Act.AUTO_FILE:
            case = perform(case, Order(act, condition=route.condition, rule=route.rule), SYSTEM, at, rules)
        else:
            case = perform(case, Order(act, unit=route.unit, rule=route.rule), SYSTEM, at, rules)
    return case


def perform(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Case:
    """The case after `actor` did what `order` says. Marks that fell due before it are put first, so that no act
    outruns them.

    Raises a refusal of `lifecycle.permitted`, or that of a field which the act needs.
    """
    step = permitted(case, order.act, actor)
    case = mark(recompute(case, at, rules), at, rules)
    effect = EFFECTS[order.act](case, order, actor, at, rules) if order.act in EFFECTS else Effect()
    clocks, halted = _move_clocks(case, step, at, rules)
    handling = _clock(clocks, Stage.HANDLE)
    after = {
        "status": step.to,
        "version": case.version + 1,
        "revision": case.revision + 1,
        "clocks": clocks,
        "due_at": handling.due_at if handling else None,
        **effect.changes,
    }
    return _told(case, after, order.act, actor, at, halted, effect.details, order.opinion, order.evidence)


def mark(case: Case, at: datetime, rules: Rules) -> Case:
    """The case with every step that its running clock passed before `at`: warned at 80 %, overdue after the limit, and
    what the pack adds, each once and in order.

    Needs no check that a timer is still meant: a clock that was stopped or started anew since has no step due.
    """
    while (clock := case.running) and (ahead := clock.ahead) and ahead.at < at:
        seen = passed(clock, rules.counted_by(clock), rules.course(clock.stage))
        case = changed(case, clocks=_put(case.clocks, seen))
        for step in rules.course(clock.stage):
            if step.percent == ahead.percent:
                case = _marked(case, seen, step, at, rules)
    return case


def _marked(case: Case, seen: StageClock, step: ClockStep, at: datetime, rules: Rules) -> Case:
    act = _STEP_ACTS.get(step.do, Act.AUTO_ESCALATE)
    red = act is Act.MARK_OVERDUE
    after = {"version": case.version + 1, "overdue": case.overdue or (red and seen.stage is Stage.HANDLE)}
    details: Mapping[str, Any] = {"stage": seen.stage}
    if act is Act.AUTO_ESCALATE:
        after |= escalation_effect(case, step, at)
        details = escalation_details(seen.stage, step)
    return _told(case, after, act, SYSTEM, at, stopped(seen, at, rules.counted_by(seen)), details)


_STEP_ACTS = {Do.WARN: Act.MARK_WARNED, Do.OVERDUE: Act.MARK_OVERDUE}


def recompute(case: Case, at: datetime, rules: Rules) -> Case:
    """The case with the clocks counted again that rest on a year whose calendar has been published since.

    A fact for each clock whose deadline or steps that changes. An overdue mark that the published year takes back is
    taken back from the case, too; a deadline that moved into the past is marked at the next look.
    """
    for clock in of_unknown_calendar(case):
        case = changed(case, clocks=_put(case.clocks, adopted(clock, rules)))
    for clock in outdated(case, rules):
        now = recounted(clock, at, rules)
        case = changed(case, clocks=_put(case.clocks, now))
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
        case = _told(case, after, Act.RECOMPUTE, SYSTEM, at, stopped(now, at, rules.counted_by(now)), details)
    return case


def _told(
    before: Case,
    after: Mapping[str, Any],
    act: Act,
    actor: Actor,
    at: datetime,
    clock: StageClock | None,
    details: Mapping[str, Any],
    opinion: str | None = None,
    evidence: tuple[UUID, ...] = (),
) -> Case:
    """`before` with the fields of `after`, carrying the fact that says so."""
    case = changed(before, **after)
    fact = Fact(
        version=case.version,
        revision=case.revision,
        act=act,
        at=at,
        actor=actor,
        from_status=before.status,
        status=case.status,
        opinion=opinion,
        evidence=evidence,
        condition=case.condition,
        unit=case.unit,
        due_at=case.due_at,
        overdue=case.overdue,
        clock=clock.counted if clock else None,
        details=details,
    )
    return changed(case, facts=(*before.facts, fact))


def _move_clocks(
    case: Case, step: Step, at: datetime, rules: Rules
) -> tuple[tuple[StageClock, ...], StageClock | None]:
    clocks, halted = case.clocks, None
    if step.stops and (clock := _clock(clocks, step.stops)):
        halted = stopped(clock, at, rules.counted_by(clock))
        clocks = _put(clocks, halted)
    if step.resumes and (clock := _clock(clocks, step.resumes)):
        clocks = _put(clocks, resumed(clock, at, rules.calendar, rules.course(clock.stage)))
    if step.starts:
        allowed = case.limit if step.starts is Stage.HANDLE else rules.stages.get(step.starts)
        if allowed:
            before = _clock(clocks, step.starts)
            generation = before.generation + 1 if before else 1
            course = rules.course(step.starts)
            clocks = _put(clocks, started(step.starts, allowed, at, rules.calendar, generation, course))
    return clocks, halted


def _clock(clocks: tuple[StageClock, ...], stage: Stage) -> StageClock | None:
    return next((clock for clock in clocks if clock.stage is stage), None)


def _put(clocks: tuple[StageClock, ...], new: StageClock) -> tuple[StageClock, ...]:
    return (*(clock for clock in clocks if clock.stage is not new.stage), new)
