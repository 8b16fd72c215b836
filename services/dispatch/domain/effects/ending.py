"""How a case ends beside its closure, and what may follow: self-handling, void, force-close, reopening, appeal."""

from datetime import datetime

from services.dispatch.domain.case import Actor, Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.effects.effect import Effect, with_matters, words_needed
from services.dispatch.domain.effects.tasks import seen_on_the_spot
from services.dispatch.domain.matters import Appeal
from services.dispatch.domain.order import Order
from services.dispatch.domain.refusals import CannotMerge, ClosedTooLong, FieldMissing
from services.dispatch.domain.rules import Rules
from shared.kernel.errors import FieldError


def self_handle(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """自处理: seen, put right and closed at once, with evidence; counted apart from all that units handle."""
    result = words_needed(order, "result", "what was done")
    if not order.evidence:
        raise FieldMissing(
            "self_handle 自处理 needs evidence: a photograph of the place put right",
            errors=[FieldError("/evidence", "required: ids of media, at least one")],
        )
    seen_on_the_spot(case, order, at, rules)
    matters = changed(case.matters, self_handled=True, task_since=None, task_due=None)
    changes = {"result": result, "matters": matters, "task_id": None, "assignee": None}
    handlers = (*case.handlers, actor.subject)
    return Effect({**changes, "handlers": handlers}, {"result": result, "location": order.location})


def end(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Void 作废 or force-closed 强制结案: whatever was open on it ends, the reason stays."""
    words_needed(order, "opinion", "the reason, which is kept")
    return _ended(case)


def force_close(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Closed without a passed check, by the supervision centre and with its reason."""
    effect = end(case, order, actor, at, rules)
    return effect._replace(details={"forced": True})


def merge(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """并案: the same matter as another open case, which takes its reports over; this one is void as a duplicate."""
    other = order.other
    if other is None or other.id == case.id or other.status.terminal:
        why = "is not among the cases you may see" if other is None else f"is {other.status}"
        why = "is the case itself" if other is not None and other.id == case.id else why
        raise CannotMerge(
            f"case {case.number} is merged into another open case; {order.other_id} {why}",
            errors=[FieldError("/into", "the id of another open case")],
        )
    effect = _ended(case)
    matters = changed(effect.changes["matters"], merged_into=other.id)
    details = {"merged_into": other.id, "merged_into_number": other.number}
    return Effect({**effect.changes, "matters": matters}, details)


def reopen(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """A new case that points to this one; this one stays closed, so that published scores stand (DESIGN §4)."""
    words_needed(order, "opinion", "what shows that it is there again")
    closed_at = case.ended_at
    if closed_at is not None and at > closed_at + rules.reopen_for:
        raise ClosedTooLong(
            f"case {case.number} was closed at {closed_at.isoformat()}, more than {rules.reopen_for.days} days ago: "
            "report it anew",
            facts={"closed_at": closed_at.isoformat(), "days": rules.reopen_for.days},
        )
    return with_matters(case, {"reopened_as": order.other_id}, reopened_as=order.other_id)


def appeal(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """申诉: the unit says why the overdue mark should not count against it. Once (Yuncheng standard)."""
    reason = words_needed(order, "reason", "why the overdue mark should not count")
    found = Appeal(case.unit or "", actor.subject, at, reason)
    return with_matters(case, {"reason": reason}, appeal=found)


def review_appeal(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Command looks at it first, and recommends."""
    if order.recommended is None:
        raise FieldMissing(
            "review_appeal 申诉初审 needs recommended", errors=[FieldError("/recommended", "true or false")]
        )
    words_needed(order, "opinion", "what the review found")
    reviewed = changed(_appeal(case), recommended=order.recommended, reviewed_by=actor.subject)
    return with_matters(case, {"recommended": order.recommended}, appeal=reviewed)


def decide_appeal(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Supervision decides. Approved, the case is exempt from scoring as overdue; the mark itself stays (Yuncheng)."""
    if order.approved is None:
        raise FieldMissing("decide_appeal 申诉终审 needs approved", errors=[FieldError("/approved", "true or false")])
    words_needed(order, "opinion", "why")
    decided = changed(_appeal(case), approved=order.approved)
    details = {"approved": order.approved, "recommended": decided.recommended}
    return with_matters(case, details, appeal=decided, exempt=order.approved)


def close(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """结案. What other units had open is open no more."""
    return _ended(case)


def _ended(case: Case) -> Effect:
    """Nothing waits on a case that ended: no request, no task, no suspension."""
    matters = changed(case.matters, request=None, suspended_until=None, task_since=None, task_due=None)
    return Effect({"matters": matters, "task_id": None, "assignee": None})


def _appeal(case: Case) -> Appeal:
    found = case.matters.appeal
    assert found is not None  # a guard of the act's row
    return found
