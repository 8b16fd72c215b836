"""What whoever reported says afterwards: that they take it back 撤回, or more about it 补充."""

from datetime import datetime

from services.dispatch.domain.case import Actor, Case
from services.dispatch.domain.effects.effect import Effect
from services.dispatch.domain.effects.ending import close
from services.dispatch.domain.order import Order
from services.dispatch.domain.rules import Rules


def withdraw(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Nobody acted on it yet: the case ends with its only report, which the fact names."""
    return close(case, order, actor, at, rules)._replace(details={"withdrawn": order.report_id})


def note_withdrawal(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """Somebody acted on it, or others reported it too: it goes on, and the desk sees that one of them took it back."""
    return Effect(details={"report_id": order.report_id})


def note_addition(case: Case, order: Order, actor: Actor, at: datetime, rules: Rules) -> Effect:
    """The text is the fact's opinion, the media its evidence, and the case's own from now on."""
    new = tuple(media for media in order.evidence if media not in case.media)
    return Effect({"media": (*case.media, *new)} if new else {}, {"report_id": order.report_id})
