"""Return 退单, extension 延期, suspension 挂账: asked for by the unit, decided by command.

Rules of the Yuncheng standard: a return pauses the handling clock, which goes on at the same unit and starts in full at
another; an extension adds one original limit to the deadline, is asked for before it and given at most twice, and a
refusal uses up none; a suspension is given once, for a year at most, and ends by itself on its day.
"""

from datetime import datetime

from services.dispatch.domain.case import Act, Actor, Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Stage, extended
from services.dispatch.domain.effects.effect import Effect, EffectOf, with_matters, words_needed
from services.dispatch.domain.matters import Request, RequestKind
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import BadUntil
from services.dispatch.domain.rules import Rules
from shared.kernel.errors import FieldError


def ask(kind: RequestKind) -> EffectOf:
    """The request stands until command decides it; the clock runs on."""

    def effect(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
        reason = words_needed(order, "reason", "why it is asked for")
        until = _until(order, at, rules) if kind is RequestKind.SUSPENSION else None
        request = Request(kind, case.unit or "", actor.subject, at, reason, until)
        details = {"reason": reason, "until": until} if until else {"reason": reason}
        return with_matters(case, details, request=request)

    return effect


def withdraw(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The unit takes its request back."""
    return with_matters(case, {"request": _open(case).kind}, request=None)


def refuse(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Command refuses, and says why: to refuse without a cause would be shirking 推诿."""
    words_needed(order, "opinion", "why it is refused")
    return with_matters(case, {"asked_by": _open(case).asked_by}, request=None)


def approve_return(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The case is command's again. `our_error` says that it was dispatched wrongly."""
    matters = changed(case.matters, request=None, returned_by=case.unit)
    details = {"returned_by": case.unit, "our_error": bool(order.our_error), "reason": _open(case).reason}
    return Effect({"matters": matters, "unit": None, "assisting": ()}, details)


def recall(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Command takes the case back itself: not begun yet, or from a unit that was dissolved."""
    words_needed(order, "opinion", "why it is called back")
    matters = changed(case.matters, request=None, returned_by=case.unit)
    return Effect({"matters": matters, "unit": None, "assisting": ()}, {"recalled_from": case.unit})


def approve_extension(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The deadline moves by one original limit, also where it passed while the request waited."""
    matters = changed(case.matters, request=None, extensions=case.matters.extensions + 1)
    clock, limit = case.handling_clock, case.limit
    assert clock is not None
    assert limit is not None
    longer = extended(clock, limit, at, rules.counted_by(clock), rules.course(clock.stage))
    clocks = tuple(longer if each is clock else each for each in case.clocks)
    details = {"due_before": clock.due_at, "extensions": matters.extensions}
    return Effect({"matters": matters, "overdue": longer.overdue}, details, clocks)


def approve_suspension(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The handling clock stands until the day named, or until command resumes it before."""
    until = _open(case).until
    assert until is not None
    if until <= at:
        raise BadUntil(
            f"the suspension was asked for until {until.isoformat()}, which has passed: refuse it",
            errors=[FieldError("/until", "a day to come")],
        )
    matters = changed(case.matters, request=None, suspensions=case.matters.suspensions + 1, suspended_until=until)
    return Effect({"matters": matters}, {"until": until})


def resume(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The clock goes on with what is left of it."""
    return with_matters(case, {"by_date": order.act is Act.RESUME_ON_DATE}, suspended_until=None)


def resumed_stage(case: Case, unit: str) -> Stage | None:
    """The handling clock that goes on when `unit` gets the case again after returning it; None: it starts in full."""
    return Stage.HANDLE if case.handling_clock and case.matters.returned_by == unit else None


def _open(case: Case) -> Request:
    request = case.matters.request
    assert request is not None  # a guard of the act's row
    return request


def _until(order: Order, at: datetime, rules: Rules) -> datetime:
    until = order.until
    if until is not None and at < until <= at + rules.suspended_for:
        return until
    days = rules.suspended_for.days
    raise BadUntil(
        f"request_suspension 申请挂账 needs until: a day after now and within {days} days, "
        f"not {until.isoformat() if until else 'nothing'}",
        errors=[FieldError("/until", f"a time after now, at the latest {(at + rules.suspended_for).isoformat()}")],
        facts={"latest": (at + rules.suspended_for).isoformat()},
    )
