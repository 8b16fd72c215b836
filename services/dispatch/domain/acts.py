"""What an act does to a case: each returns the case as it then stands, with the facts that say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch.domain.case import SYSTEM, Act, Actor, Case, Fact, Place, Status
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Mark, Stage, StageClock, resumed, started, stopped
from services.dispatch.domain.effects import EFFECTS, Effect
from services.dispatch.domain.lifecycle import Step, permitted
from services.dispatch.domain.order import Order
from services.dispatch.domain.rules import Rules
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
        clocks=(started(Stage.ACCEPT, limit, at, rules.calendar),) if limit else (),
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
        elif route.unit in rules.units:  # a unit dissolved since the rule was written leaves the case to a person
            case = perform(case, Order(act, unit=route.unit, rule=route.rule), SYSTEM, at, rules)
    return case


def perform(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Case:
    """The case after `actor` did what `order` says. Marks that fell due before it are put first, so that no act
    outruns them.

    Raises a refusal of `lifecycle.permitted`, or that of a field which the act needs.
    """
    step = permitted(case, order.act, actor)
    case = mark(case, at, rules)
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
    """The case with every mark that its running clock passed before `at`: warned at 80 %, overdue after the limit.

    Needs no check that a timer is still meant: a clock that was stopped or started anew since has no mark due.
    """
    while (clock := case.running) and (due := clock.next_mark) and due[1] < at:
        case = _marked(case, clock, due[0], at, rules)
    return case


def _marked(case: Case, clock: StageClock, reached: Mark, at: datetime, rules: Rules) -> Case:
    overdue = reached is Mark.OVERDUE
    act = Act.MARK_OVERDUE if overdue else Act.MARK_WARNED
    seen = changed(clock, warned=True, overdue=overdue)
    after = {
        "version": case.version + 1,
        "overdue": case.overdue or (overdue and clock.stage is Stage.HANDLE),
        "clocks": _put(case.clocks, seen),
    }
    return _told(case, after, act, SYSTEM, at, stopped(seen, at, rules.calendar), {"stage": clock.stage})


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
        halted = stopped(clock, at, rules.calendar)
        clocks = _put(clocks, halted)
    if step.resumes and (clock := _clock(clocks, step.resumes)):
        clocks = _put(clocks, resumed(clock, at, rules.calendar))
    if step.starts:
        allowed = case.limit if step.starts is Stage.HANDLE else rules.stages.get(step.starts)
        if allowed:
            before = _clock(clocks, step.starts)
            generation = before.generation + 1 if before else 1
            clocks = _put(clocks, started(step.starts, allowed, at, rules.calendar, generation))
    return clocks, halted


def _clock(clocks: tuple[StageClock, ...], stage: Stage) -> StageClock | None:
    return next((clock for clock in clocks if clock.stage is stage), None)


def _put(clocks: tuple[StageClock, ...], new: StageClock) -> tuple[StageClock, ...]:
    return (*(clock for clock in clocks if clock.stage is not new.stage), new)
