"""Tasks on the spot: verification 核实 and check 核查, asked for by the desk, answered from where the matter is."""

from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt

from services.dispatch.domain.case import Actor, Case, Place, Status
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.effects.effect import Effect, with_matters
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import (
    AnsweredInTheFuture,
    AnsweredTooLate,
    FieldMissing,
    TaskStale,
    TooFarAway,
)
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.words import act as act_words
from services.dispatch.domain.worktime import due
from shared.kernel.errors import FieldError

# A telephone's clock may be ahead of ours by this much before its answer counts as coming from the future.
CLOCK_SKEW = timedelta(minutes=5)
OUTCOMES = ("true", "false", "not_found")
_EARTH_RADIUS_M = 6_371_008.8


def request_task(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Somebody goes and looks: who is named, or who is on duty there by the roster."""
    assignee, why = order.assignee, "named 指定" if order.assignee else None
    if assignee is None:
        assignee, why = rules.on_duty(case.area, at, None)
    matters = changed(case.matters, task_since=at, task_due=None)
    changes = {"task_id": order.task_id, "assignee": assignee, "passed": None, "matters": matters}
    return Effect(changes, {"task": order.task_id, "assignee": assignee, "assigned_by": why})


def reassign(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The task goes to the next person of the roster, under a new id: the old one is answered no more."""
    limit = rules.stages.get(Stage.VERIFY if case.status is Status.VERIFYING else Stage.CHECK)
    task_due = due(at, limit, rules.calendar) if limit else None
    changes = {
        "task_id": order.task_id,
        "assignee": order.assignee,
        "matters": changed(case.matters, task_since=at, task_due=task_due),
    }
    details = {"task": order.task_id, "task_before": case.task_id, "assignee_before": case.assignee}
    return Effect(changes, {**details, "assignee": order.assignee, "assigned_by": order.reason})


def answer_verification(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """It is there, it is not, or the place was not found. The desk decides what follows."""
    if order.outcome not in OUTCOMES:
        raise FieldMissing(
            f"answer_verification 核实回复 needs outcome: {', '.join(OUTCOMES)}",
            errors=[FieldError("/outcome", f"one of {', '.join(OUTCOMES)}")],
        )
    return _answered(case, order, at, rules, "outcome", "verified", order.outcome)


def answer_check(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Done, or not done, as seen on the spot: an answer that says from where must be from near the case."""
    if order.passed is None:
        raise FieldMissing(
            "answer_check 核查回复 needs passed: true or false", errors=[FieldError("/passed", "true or false")]
        )
    return _answered(case, order, at, rules, "passed", "passed", order.passed)


def spot_check(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """抽查: what was handled on the spot is looked at again. The case stays closed; not passed, it can be reopened."""
    if order.passed is None:
        raise FieldMissing("spot_check 抽查 needs passed", errors=[FieldError("/passed", "true or false")])
    seen_on_the_spot(case, order, at, rules)
    return with_matters(case, {"passed": order.passed, "location": order.location}, spot_checked=True)


def seen_on_the_spot(case: Case, order: Order, at: datetime, rules: Rules) -> None:
    """What every answer from the spot brings: where it was given, from near by, and a photograph, as far as the city's
    regime asks for them.
    """
    if order.location is None and rules.location_needed:
        raise FieldMissing(
            f"{act_words(order.act)} needs location: where you stand",
            errors=[FieldError("/location", "required: {lon, lat, datum?}")],
        )
    if not order.evidence and rules.photo_needed:
        raise FieldMissing(
            f"{act_words(order.act)} needs evidence: a photograph taken on the spot",
            errors=[FieldError("/evidence", "required: ids of media, at least one")],
        )
    if order.location and (away := distance_m(case.place, order.location)) > rules.check_radius_m:
        raise TooFarAway(
            f"answered {away:.0f} m from case {case.number}; it must be within {rules.check_radius_m:.0f} m of it",
            errors=[FieldError("/location", f"within {rules.check_radius_m:.0f} m of the case")],
            facts={"distance_m": round(away), "radius_m": round(rules.check_radius_m)},
        )


def distance_m(one: Place, other: Place) -> float:
    """Metres between two points on a sphere (haversine): within 0.5 % of the ellipsoid."""
    lat1, lat2 = radians(one.lat), radians(other.lat)
    dlat, dlon = lat2 - lat1, radians(other.lon - one.lon)
    share = sin(dlat / 2) ** 2 + cos(lat1) * cos(lat2) * sin(dlon / 2) ** 2
    return 2 * _EARTH_RADIUS_M * asin(min(1.0, sqrt(share)))


def _answered(
    case: Case, order: Order, at: datetime, rules: Rules, told_as: str, field: str, value: str | bool
) -> Effect:
    if order.task is not None and order.task != case.task_id:
        raise TaskStale(
            f"task {order.task} is not open any more: the task of case {case.number} is {case.task_id} now, "
            f"given to {case.assignee or 'nobody in particular'}",
            errors=[FieldError("/task", "the id of the open task")],
            facts={"task": str(case.task_id), "assignee": case.assignee},
        )
    _at_a_possible_time(case, order, at, rules)
    seen_on_the_spot(case, order, at, rules)
    changes = {
        field: value,
        "task_id": None,
        "assignee": None,
        "matters": changed(case.matters, task_since=None, task_due=None),
    }
    details = {told_as: value, "location": order.location, "answered_at": order.answered_at}
    # A telephone without a network: what counts is when it was answered there, not when we heard of it.
    return Effect(changes, details, counted_to=order.answered_at)


def _at_a_possible_time(case: Case, order: Order, at: datetime, rules: Rules) -> None:
    answered, since = order.answered_at, case.matters.task_since
    if answered is None:
        return
    if answered > at + CLOCK_SKEW:
        raise AnsweredInTheFuture(
            f"answered_at {answered.isoformat()} lies after the present, {at.isoformat()}",
            errors=[FieldError("/answered_at", "not later than now")],
        )
    if order.task is None:
        return  # decided on the case as it is now, by its revision: what the telephone's clock says decides nothing
    if since is not None and answered < since - CLOCK_SKEW:
        raise AnsweredTooLate(
            f"answered_at {answered.isoformat()} lies before the task was given, {since.isoformat()}",
            errors=[FieldError("/answered_at", f"not before {since.isoformat()}")],
        )
    if answered < at - rules.answer_late_for:
        hours = rules.answer_late_for.total_seconds() / 3600
        raise AnsweredTooLate(
            f"answered_at {answered.isoformat()} is more than {hours:g} hours ago: look again, and answer anew",
            errors=[FieldError("/answered_at", f"not more than {hours:g} hours ago")],
        )
