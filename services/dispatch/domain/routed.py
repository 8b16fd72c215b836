"""What routing rules do to acts: what the system files and dispatches by them, and what they said when a person did."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.dispatch.domain.case import Act, Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.order import Order
from services.dispatch.domain.routing import Decision
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Limit


def routed_order(act: Act, said: Decision) -> Order:
    """The system's own filing or dispatch, by a rule that names a unit."""
    if act is Act.AUTO_FILE:
        return Order(act, condition=said.condition, limit=said.limit, rule=said.rule, rule_version=said.version)
    return Order(act, unit=said.unit, assisting=said.assisting, rule=said.rule, rule_version=said.version)


def ruled_limit(case: Case, order: Order, at: datetime, rules: Rules, stated: Limit) -> tuple[Limit, Mapping[str, Any]]:
    """The handling limit under the condition that `order` chooses, and what the fact tells of the rule behind it.

    A rule's limit takes the place of the catalogue's (`stated`) at filing, whoever files, because the limit is fixed
    there: a rule that is changed later, or matches only at dispatch, moves no deadline.
    """
    if order.rule is not None:
        return order.limit or stated, {"rule": order.rule, "rule_version": order.rule_version}
    said = rules.decide(changed(case, condition=order.condition), at)
    if said.limit is None:
        return stated, {"rule": None, "rule_version": None}
    return said.limit, {"rule": said.rule, "rule_version": said.version}


def ruled_unit(case: Case, order: Order, at: datetime, rules: Rules) -> Mapping[str, Any]:
    """What the fact of a dispatch tells of the rules: the one that decided, or what they would have said to the person
    who did. It costs the act some microseconds and no round trip.
    """
    if order.rule is not None:
        return {
            "rule": order.rule,
            "rule_version": order.rule_version,
            "suggested_unit": None,
            "suggested_rule": None,
        }
    said = rules.decide(case, at)
    return {
        "rule": None,
        "rule_version": said.version,
        "suggested_unit": said.unit,
        "suggested_rule": said.rule,
    }
