"""What a city's pack says about cases, as the domain reads it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.matching import Matter
from services.dispatch.domain.routing import Decision
from services.dispatch.domain.worktime import Calendar, Limit

Route: TypeAlias = Callable[[Matter, datetime, Collection[str]], Decision]


@dataclass(frozen=True, slots=True)
class Rules:
    """`handling` holds the limit of each (category, filing condition); `units` are the codes of the handling units.
    `route` says what the routing rules say of a case at some instant, with the units that there are.
    """

    number_prefix: str
    calendar: Calendar
    stages: Mapping[Stage, Limit]
    handling: Mapping[tuple[str, str], Limit]
    units: frozenset[str]
    check_radius_m: float
    route: Route

    def conditions(self, category: str) -> list[str]:
        """The filing conditions of `category`, in the catalogue's order."""
        return [condition for code, condition in self.handling if code == category]

    def decide(self, matter: Matter, at: datetime) -> Decision:
        """What the routing rules say of a case at `at`."""
        return self.route(matter, at, self.units)
