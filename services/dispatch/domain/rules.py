"""What a city's pack says about cases, as the domain reads it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.dispatch.domain.case import Act
from services.dispatch.domain.clocks import Stage, StageClock
from services.dispatch.domain.steps import COURSE, ClockStep
from services.dispatch.domain.worktime import Calendar, Limit, kept_by
from shared.kernel.area import AreaPath


class Route(NamedTuple):
    """What the pack decides for a case of some category in some area; `rule` is its name in the pack."""

    condition: str
    unit: str
    rule: str


@dataclass(frozen=True, slots=True)
class Rules:
    """`handling` holds the limit of each (category, filing condition); `units` are the codes of the handling units.
    `automatic` are the system's own acts, in order; `route` answers for those, or has none (a person decides).

    `courses` are the steps of stages that have more than yellow and red; `calendars` all versions that a clock may
    name; `local` the whole rules of each area that has a calendar or limits of its own, by its prefix.
    """

    number_prefix: str
    calendar: Calendar
    stages: Mapping[Stage, Limit]
    handling: Mapping[tuple[str, str], Limit]
    units: frozenset[str]
    check_radius_m: float
    automatic: tuple[Act, ...] = ()
    route: Callable[[str, AreaPath], Route | None] = lambda category, area: None
    courses: Mapping[Stage, tuple[ClockStep, ...]] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    local: Mapping[str, "Rules"] = field(default_factory=dict)

    def conditions(self, category: str) -> list[str]:
        """The filing conditions of `category`, in the catalogue's order."""
        return [condition for code, condition in self.handling if code == category]

    def for_area(self, area: str) -> "Rules":
        """The rules of the longest prefix of `area` that has its own: at most a look-up for each level, 0.6 µs."""
        here = area if self.local else ""
        while here:
            if found := self.local.get(here):
                return found
            here = here.rpartition(".")[0]
        return self

    def course(self, stage: Stage) -> tuple[ClockStep, ...]:
        """All steps of a stage's clock, in order."""
        return self.courses.get(stage, COURSE)

    def counted_by(self, clock: StageClock) -> Calendar:
        """The calendar that `clock` is measured by: the one its deadline was counted from.

        A version that is not known here (another process has just heard of it) is taken for the one in force; what it
        then counts in a provisional year is counted again like everything else.
        """
        version, calendar = clock.calendar, self.calendar
        if not version or version == calendar.version:
            return calendar
        *later, first = version.split("/")
        found = self.calendars.get(first, calendar)
        for each in reversed(later):
            found = kept_by(found, self.calendars.get(each, calendar))
        return found
