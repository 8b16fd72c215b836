"""What a city's pack says about cases, as the domain reads it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from services.dispatch.domain.clocks import Stage, StageClock
from services.dispatch.domain.matching import Matter
from services.dispatch.domain.routing import Decision
from services.dispatch.domain.steps import COURSE, ClockStep
from services.dispatch.domain.worktime import Calendar, Limit, Unit, kept_by
from shared.kernel.area import AreaPath

Route: TypeAlias = Callable[[Matter, datetime, Collection[str]], Decision]

_WORK_DAY = Limit(1, Unit.WORK_DAY)
_TWO_HOURS = Limit(2, Unit.URGENT_HOUR)


class OnDuty(NamedTuple):
    """Who goes and looks in some area at some time, and by what right (None: nobody could be found, and why)."""

    subject: str | None
    why: str


Goes: TypeAlias = Callable[[AreaPath, datetime, str | None], OnDuty]


def nobody_on_duty(area: AreaPath, at: datetime, after: str | None) -> OnDuty:
    """The answer of a city without a roster."""
    return OnDuty(None, "no duty roster 无值班表")


@dataclass(frozen=True, slots=True)
class Rules:
    """`handling` holds the limit of each (category, filing condition); `units` maps the codes of the handling units
    that exist now to their departments. `route` says what the routing rules say of a case at some instant, with the
    units that there are. `two_way` are pairs of departments that send work to one another 双向派单; `top_level` is the
    level, in area segments, above which nothing climbs. `on_duty` names who goes on the spot, in the place of a subject
    who did not answer.

    `courses` are the steps of stages that have more than yellow and red; `calendars` all versions that a clock may
    name; `local` the whole rules of each area that has a calendar or limits of its own, by its prefix.
    """

    number_prefix: str
    calendar: Calendar
    stages: Mapping[Stage, Limit]
    handling: Mapping[tuple[str, str], Limit]
    units: Mapping[str, str]
    check_radius_m: float
    route: Route
    single_desk: bool = False
    two_way: frozenset[frozenset[str]] = frozenset()
    top_level: int = 0
    location_needed: bool = False
    photo_needed: bool = False
    on_duty: Goes = nobody_on_duty
    # The Yuncheng standard: an extension at most twice, a suspension once and for a year at most.
    max_extensions: int = 2
    max_suspensions: int = 1
    suspended_for: timedelta = timedelta(days=365)
    # Ours; every city has its own, so a pack may say otherwise.
    reopen_for: timedelta = timedelta(days=30)
    answer_late_for: timedelta = timedelta(hours=24)
    urging_limit: Limit = _WORK_DAY
    summons_limit: Limit = _TWO_HOURS

    courses: Mapping[Stage, tuple[ClockStep, ...]] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    local: Mapping[str, "Rules"] = field(default_factory=dict)

    def decide(self, matter: Matter, at: datetime) -> Decision:
        """What the routing rules say of a case at `at`."""
        return self.route(matter, at, self.units)

    def partners(self, unit: str, other: str) -> bool:
        """Whether the two send work to one another without the command centre in between."""
        return frozenset({self.units.get(unit), self.units.get(other)}) in self.two_way

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
