"""What a step beyond yellow and red does to the case itself, and what its fact tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.dispatch.domain.case import SYSTEM, Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.matters import Urging
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.steps import ClockStep, Do
from services.dispatch.domain.worktime import due


def escalation(
    case: Case, stage: Stage, step: ClockStep, at: datetime, rules: Rules
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The fields of `case` that `step`, reached at `at`, changes, and what its fact says: `share` is that of the limit,
    `to` are posts. To notify changes nothing; to urge is an urging 督办 of the unit like any other; to raise lets the
    case climb one level, up to the city's highest.
    """
    told = {"stage": stage, "step": step.name, "share": step.percent / 100, "do": step.do, "to": list(step.to)}
    if step.do is Do.RAISE and case.level > rules.top_level:
        return {"matters": changed(case.matters, level=case.level - 1)}, {**told, "level": case.level - 1}
    if step.do is Do.URGE and case.unit is not None:
        due_at = due(at, rules.urging_limit, rules.calendar)
        urging = Urging(len(case.matters.urgings) + 1, case.unit, SYSTEM.subject, at, due_at)
        matters = changed(case.matters, urgings=(*case.matters.urgings, urging))
        return {"matters": matters}, {**told, "urging": urging.number, "reply_due_at": due_at}
    return {}, told
