"""Who a case goes to with a fact: the centre that has it next, and there the unit or the person."""

from collections.abc import Mapping

from services.dispatch.domain.case import Centre, Fact, Status

# Who has a case in each status; in the terminal ones nobody.
_HAS: Mapping[Status, Centre] = {
    Status.REPORTED: Centre.SUPERVISION,
    Status.VERIFYING: Centre.ON_SITE,
    Status.ACCEPTED: Centre.SUPERVISION,
    Status.FILED: Centre.COMMAND,
    Status.DISPATCHED: Centre.UNIT,
    Status.HANDLING: Centre.UNIT,
    Status.HANDLED: Centre.SUPERVISION,
    Status.CHECKING: Centre.ON_SITE,
    Status.CHECKED: Centre.SUPERVISION,
    Status.SUSPENDED: Centre.UNIT,
}
# Acts that hand a matter on and leave the case where it is, by name.
_HANDS_ON: Mapping[str, Centre] = {
    "pass_on": Centre.UNIT,
    "request_return": Centre.COMMAND,
    "request_extension": Centre.COMMAND,
    "request_suspension": Centre.COMMAND,
    "refuse_return": Centre.UNIT,
    "approve_extension": Centre.UNIT,
    "refuse_extension": Centre.UNIT,
    "refuse_suspension": Centre.UNIT,
    "urge": Centre.UNIT,
    "reply_urging": Centre.COMMAND,
    "coordinate": Centre.UNIT,
    "report_part": Centre.UNIT,
    "summon": Centre.UNIT,
    "answer_summons": Centre.COMMAND,
    "escalate": Centre.COMMAND,
    "reassign_task": Centre.ON_SITE,
    "appeal": Centre.COMMAND,
    "review_appeal": Centre.SUPERVISION,
    "decide_appeal": Centre.UNIT,
}


def receiver_of(fact: Fact) -> dict[str, str] | None:
    """{centre, unit?, assignee?}; None where the fact leaves the case with whoever has it, or with nobody."""
    centre = _HAS.get(fact.status) if fact.status is not fact.from_status else _HANDS_ON.get(fact.act)
    if centre is None:
        return None
    found: dict[str, str] = {"centre": centre.value}
    if centre is Centre.UNIT and (unit := fact.details.get("unit") or fact.unit):
        found["unit"] = unit
    elif centre is Centre.ON_SITE and (assignee := fact.details.get("assignee")):
        found["assignee"] = assignee
    return found
