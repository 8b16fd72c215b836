"""What happens on the way of a stage's clock, as data: at which share of its limit, and to whom it is told.

Yellow at 80 % and red at 100 % belong to every clock (DESIGN §5; the same steps as the Unicom platform's); a city's
pack adds to them, such as the district's leader at 200 % (WORKFLOW §3).
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Do(StrEnum):
    """What a step does: marks the clock yellow 预警 or red 超期, tells somebody 通知, urges 督办, or raises 升级."""

    WARN = "warn"
    OVERDUE = "overdue"
    NOTIFY = "notify"
    URGE = "urge"
    RAISE = "raise"


class ClockStep(NamedTuple):
    """One step. `percent` of the limit, a whole number so that it compares and is stored exactly; `to` are posts."""

    percent: int
    do: Do
    to: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What facts call it: warn, overdue, at_200."""
        return self.do.value if self.do in (Do.WARN, Do.OVERDUE) else f"at_{self.percent}"


YELLOW = ClockStep(80, Do.WARN)
RED = ClockStep(100, Do.OVERDUE)
COURSE = (YELLOW, RED)


def name_of(percent: int) -> str:
    """What the due table calls so many percent: steps at the same share have one timer, and fire together."""
    return {YELLOW.percent: "warn", RED.percent: "overdue"}.get(percent, f"at_{percent}")


def course_of(more: Iterable[ClockStep]) -> tuple[ClockStep, ...]:
    """All steps of a clock in the order in which they fire: yellow and red before others of the same share."""
    return tuple(sorted((*COURSE, *more), key=lambda step: step.percent))
