"""Filing 立案, dispatch 派遣, handling 处置: the straight way of a case."""

from datetime import datetime

from services.dispatch.domain.case import Actor, Case, Status
from services.dispatch.domain.changed import changed
from services.dispatch.domain.effects.effect import Effect, known_unit, words_needed
from services.dispatch.domain.effects.requests import resumed_stage
from services.dispatch.domain.matters import NOTHING_OPEN, Part, PartKind
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import UnknownCondition
from services.dispatch.domain.routed import ruled_limit, ruled_unit
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Limit
from shared.kernel.errors import FieldError


def file_case(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The filing condition is chosen and with it the handling limit, which stays as it is now: the catalogue's, or that
    of the case's routing rule.
    """
    limit, ruled = ruled_limit(case, order, at, rules, limit_of(case.category, order.condition, rules))
    seconds = int(limit.span(rules.calendar).total_seconds())
    return Effect(
        {"condition": order.condition, "limit": limit},
        {"limit_amount": limit.amount, "limit_unit": limit.unit, "limit_s": seconds, **ruled},
    )


def limit_of(category: str, condition: str | None, rules: Rules) -> Limit:
    """The handling limit under a filing condition. Raises UnknownCondition."""
    limit = rules.handling.get((category, condition or ""))
    if limit is None:
        known = rules.conditions(category)
        raise UnknownCondition(
            f"category {category} has the filing conditions {', '.join(known) or 'none'}, not {condition!r}",
            errors=[FieldError("/condition", f"one of {', '.join(known)}")],
            facts={"conditions": known},
        )
    return limit


def send_back(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Not rightly filed, or not rightly accepted: back to the stage before, with what was wrong."""
    words_needed(order, "opinion", "what is wrong with it")
    return Effect({"condition": None, "limit": None})


def dispatch(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """One lead unit, and others that assist it. The clock of a unit that gets back what it returned goes on; that of
    any other starts in full (Yuncheng standard).
    """
    unit = known_unit(order.unit, rules, "/unit")
    for index, code in enumerate(order.assisting):
        known_unit(code, rules, f"/assisting/{index}", (unit, *order.assisting[:index]))
    matters, assisting = case.matters, order.assisting
    if order.assisting or matters is not NOTHING_OPEN:
        new = tuple(
            Part(PartKind.ASSIST, code, None, at)
            for code in order.assisting
            if not matters.open_part(PartKind.ASSIST, code)
        )
        kept = tuple(part.unit for part in matters.parts if part.done_at is None and part.unit != unit)
        assisting = tuple(dict.fromkeys((*order.assisting, *kept)))
        matters = changed(matters, parts=(*matters.parts, *new), returned_by=None)
    details = {"assisting": list(assisting), **ruled_unit(case, order, at, rules)}
    return Effect({"unit": unit, "assisting": assisting, "matters": matters}, details, resume=resumed_stage(case, unit))


def take(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The unit begins; whoever took it will not check it."""
    return Effect({"handlers": _with(case.handlers, actor.subject)})


def report_handled(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The work is handed over. On time means that the handling clock was stopped not after its deadline."""
    result = words_needed(order, "result", "what was done")
    clock = case.handling_clock
    waiting = [part.unit for part in case.matters.parts if part.done_at is None]
    details = {"result": result, "on_time": not (clock and clock.overdue), "parts_open": waiting}
    return Effect({"handlers": _with(case.handlers, actor.subject), "result": order.result}, details)


def order_rework(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Back to the same unit. Before any check it is evidence refused by command, after one it is a failed check."""
    return Effect({"passed": None}, {"after_check": case.status is Status.CHECKED})


def _with(subjects: tuple[str, ...], subject: str) -> tuple[str, ...]:
    return subjects if subject in subjects else (*subjects, subject)
