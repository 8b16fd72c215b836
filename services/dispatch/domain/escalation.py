"""What a step beyond yellow and red does to the case itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.dispatch.domain.case import Case
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.steps import ClockStep


def escalation_effect(case: Case, step: ClockStep, at: datetime) -> Mapping[str, Any]:
    """The fields of `case` that `step`, reached at `at`, changes. None: its fact tells whom it concerns."""
    return {}


def escalation_details(stage: Stage, step: ClockStep) -> dict[str, Any]:
    """What the fact of a step says; `share` is that of the limit, `to` are posts."""
    return {
        "stage": stage,
        "step": step.name,
        "share": step.percent / 100,
        "do": step.do,
        "to": list(step.to),
    }
