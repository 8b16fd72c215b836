"""Carrying out one row of the act table: status, clocks, effect, and the fact that says so."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.dispatch.domain.case import SYSTEM, Actor, Case, Fact
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Stage, StageClock, resumed, started, stopped
from services.dispatch.domain.effects import EFFECTS, NO_EFFECT, Effect
from services.dispatch.domain.lifecycle import permitted
from services.dispatch.domain.order import Order
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.table import MARKS, Step


def carry_out(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules, step: Step) -> Case:
    """The case after the act, which was found to be permitted. Raises the refusal of a field that the act needs."""
    effect = EFFECTS[order.act](case, order, actor, at, rules) if order.act in EFFECTS else NO_EFFECT
    clocks, halted = _move_clocks(case, step, effect, at, rules)
    handling = clock_of(clocks, Stage.HANDLE)
    after = {
        "status": step.to,
        "version": case.version + 1,
        "revision": case.revision + (order.act not in MARKS),
        "clocks": clocks,
        "due_at": handling.due_at if handling else None,
        "ended_at": at if step.to.terminal and case.ended_at is None else case.ended_at,
        **effect.changes,
    }
    return told(case, after, order, actor, at, halted, effect)


def by_system(case: Case, order: Order, at: datetime, rules: Rules) -> Case:
    """The case after an act of the system's own."""
    return carry_out(case, order, SYSTEM, at, rules, permitted(case, order.act, SYSTEM, rules))


def told(
    before: Case,
    after: Mapping[str, Any],
    order: Order,
    actor: Actor,
    at: datetime,
    clock: StageClock | None,
    effect: Effect,
) -> Case:
    """`before` with the fields of `after`, carrying the fact that says so."""
    case = changed(before, **after)
    fact = Fact(
        version=case.version,
        revision=case.revision,
        act=order.act,
        at=at,
        actor=actor,
        from_status=before.status,
        status=case.status,
        opinion=order.opinion,
        evidence=order.evidence,
        condition=case.condition,
        unit=case.unit,
        due_at=case.due_at,
        overdue=case.overdue,
        clock=clock.counted if clock else None,
        details=effect.details,
        moved_from=effect.moved_from,
    )
    return changed(case, facts=(*before.facts, fact))


def _move_clocks(
    case: Case, step: Step, effect: Effect, at: datetime, rules: Rules
) -> tuple[tuple[StageClock, ...], StageClock | None]:
    clocks, halted = case.clocks if effect.clocks is None else effect.clocks, None
    if step.stops and (clock := _to_stop(case, step.stops)):
        halted = stopped(clock, _counted_to(clock, effect, at), rules.counted_by(clock))
        clocks = put(clocks, halted)
    starts = None if effect.resume else step.starts
    if (resumes := effect.resume or step.resumes) and (clock := clock_of(clocks, resumes)):
        clocks = put(clocks, resumed(clock, at, rules.calendar, rules.course(clock.stage)))
    if starts:
        allowed = case.limit if starts is Stage.HANDLE else rules.stages.get(starts)
        if allowed:
            before = clock_of(clocks, starts)
            generation = before.generation + 1 if before else 1
            course = rules.course(starts)
            clocks = put(clocks, started(starts, allowed, at, rules.calendar, generation, course))
    return clocks, halted


def _to_stop(case: Case, stops: Stage | tuple[Stage, ...]) -> StageClock | None:
    """A stage's clock; of several stages the one that runs."""
    return case.running if isinstance(stops, tuple) else clock_of(case.clocks, stops)


def _counted_to(clock: StageClock, effect: Effect, at: datetime) -> datetime:
    """An answer from a telephone counts from when it was given there, within the time that the clock ran."""
    if effect.counted_to is None or clock.since is None:
        return at
    return min(at, max(clock.since, effect.counted_to))


def clock_of(clocks: tuple[StageClock, ...], stage: Stage) -> StageClock | None:
    """That stage's clock, if it ever ran."""
    return next((clock for clock in clocks if clock.stage is stage), None)


def put(clocks: tuple[StageClock, ...], new: StageClock) -> tuple[StageClock, ...]:
    """The clocks with one in the place of its stage's."""
    return (*(clock for clock in clocks if clock.stage is not new.stage), new)
