"""What single acts change in a case beyond its status and clocks, and what their facts tell."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from services.dispatch.domain.case import Act, Actor, Case, Place, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import (
    AnsweredInTheFuture,
    FieldMissing,
    TooFarAway,
    UnknownCondition,
    UnknownUnit,
)
from services.dispatch.domain.routed import ruled_limit, ruled_unit
from services.dispatch.domain.rules import Rules
from shared.kernel.errors import FieldError

# A telephone's clock may be ahead of ours by this much before its answer counts as coming from the future.
CLOCK_SKEW = timedelta(minutes=5)
OUTCOMES = ("true", "false", "not_found")
_EARTH_RADIUS_M = 6_371_008.8


class Effect(NamedTuple):
    """`changes` are fields of the case; `details` are what the fact adds to what every fact has."""

    changes: Mapping[str, Any] = MappingProxyType({})
    details: Mapping[str, Any] = MappingProxyType({})


def request_task(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """A verification or check is asked for; `assignee`, where given, is who should go."""
    return Effect({"task_id": order.task_id, "assignee": order.assignee, "passed": None}, {"assignee": order.assignee})


def answer_verification(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """It is there, it is not, or the place was not found. The desk decides what follows."""
    if order.outcome not in OUTCOMES:
        raise FieldMissing(
            f"answer_verification 核实回复 needs outcome: {', '.join(OUTCOMES)}",
            errors=[FieldError("/outcome", f"one of {', '.join(OUTCOMES)}")],
        )
    _not_from_the_future(order, at)
    details = {"outcome": order.outcome, "location": order.location, "answered_at": order.answered_at}
    return Effect({"verified": order.outcome, "task_id": None, "assignee": None}, details)


def file_case(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The filing condition is chosen and with it the handling limit, which stays as it is now: the catalogue's, or that
    of the case's routing rule.
    """
    limit = rules.handling.get((case.category, order.condition or ""))
    if limit is None:
        known = rules.conditions(case.category)
        raise UnknownCondition(
            f"category {case.category} has the filing conditions {', '.join(known) or 'none'}, not {order.condition!r}",
            errors=[FieldError("/condition", f"one of {', '.join(known)}")],
            facts={"conditions": known},
        )
    limit, ruled = ruled_limit(case, order, at, rules, limit)
    seconds = int(limit.span(rules.calendar).total_seconds())
    return Effect(
        {"condition": order.condition, "limit": limit},
        {"limit_amount": limit.amount, "limit_unit": limit.unit, "limit_s": seconds, **ruled},
    )


def dispatch(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """One lead unit, and others that assist it."""
    if not order.unit or order.unit not in rules.units:
        raise UnknownUnit(
            f"no handling unit has the code {order.unit!r}; GET units lists them",
            errors=[FieldError("/unit", "the code of a handling unit")],
        )
    for index, code in enumerate(order.assisting):
        if code not in rules.units or code == order.unit or code in order.assisting[:index]:
            raise UnknownUnit(
                f"{code!r} cannot assist: an assisting unit is a known one, named once, and not the lead unit",
                errors=[FieldError(f"/assisting/{index}", "another handling unit's code, once")],
            )
    return Effect(
        {"unit": order.unit, "assisting": order.assisting},
        {"assisting": list(order.assisting), **ruled_unit(case, order, at, rules)},
    )


def take(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The unit begins; whoever took it will not check it."""
    return Effect({"handlers": _with(case.handlers, actor.subject)})


def report_handled(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The work is handed over. On time means that the handling clock was stopped not after its deadline."""
    if not (order.result or "").strip():
        raise FieldMissing(
            "report_handled 处置完成 needs result: what was done",
            errors=[FieldError("/result", "required: what was done")],
        )
    clock = next((clock for clock in case.clocks if clock.stage is Stage.HANDLE), None)
    details = {"result": order.result, "on_time": not (clock and clock.overdue)}
    return Effect({"handlers": _with(case.handlers, actor.subject), "result": order.result}, details)


def answer_check(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Done, or not done, as seen on the spot: an answer that says from where must be from near the case."""
    if order.passed is None:
        raise FieldMissing(
            "answer_check 核查回复 needs passed: true or false", errors=[FieldError("/passed", "true or false")]
        )
    _not_from_the_future(order, at)
    if order.location and (away := distance_m(case.place, order.location)) > rules.check_radius_m:
        raise TooFarAway(
            f"answered {away:.0f} m from case {case.number}; a check must be within {rules.check_radius_m:.0f} m of it",
            errors=[FieldError("/location", f"within {rules.check_radius_m:.0f} m of the case")],
            facts={"distance_m": round(away), "radius_m": round(rules.check_radius_m)},
        )
    details = {"passed": order.passed, "location": order.location, "answered_at": order.answered_at}
    return Effect({"passed": order.passed, "task_id": None, "assignee": None}, details)


def order_rework(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Back to the same unit. Before any check it is evidence refused by command, after one it is a failed check."""
    return Effect({"passed": None}, {"after_check": case.status is Status.CHECKED})


EffectOf: TypeAlias = Callable[[Case, Order, Actor, datetime, Rules], Effect]

EFFECTS: Mapping[Act, EffectOf] = {
    Act.REQUEST_VERIFICATION: request_task,
    Act.ANSWER_VERIFICATION: answer_verification,
    Act.FILE: file_case,
    Act.AUTO_FILE: file_case,
    Act.DISPATCH: dispatch,
    Act.AUTO_DISPATCH: dispatch,
    Act.TAKE: take,
    Act.REPORT_HANDLED: report_handled,
    Act.REQUEST_CHECK: request_task,
    Act.ANSWER_CHECK: answer_check,
    Act.ORDER_REWORK: order_rework,
}


def distance_m(one: Place, other: Place) -> float:
    """Metres between two points on a sphere (haversine): within 0.5 % of the ellipsoid."""
    lat1, lat2 = radians(one.lat), radians(other.lat)
    dlat, dlon = lat2 - lat1, radians(other.lon - one.lon)
    share = sin(dlat / 2) ** 2 + cos(lat1) * cos(lat2) * sin(dlon / 2) ** 2
    return 2 * _EARTH_RADIUS_M * asin(min(1.0, sqrt(share)))


def _with(subjects: tuple[str, ...], subject: str) -> tuple[str, ...]:
    return subjects if subject in subjects else (*subjects, subject)


def _not_from_the_future(order: Order, at: datetime) -> None:
    if order.answered_at and order.answered_at > at + CLOCK_SKEW:
        raise AnsweredInTheFuture(
            f"answered_at {order.answered_at.isoformat()} lies after the present, {at.isoformat()}",
            errors=[FieldError("/answered_at", "not later than now")],
        )
