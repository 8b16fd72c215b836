"""What a city's pack says about cases, as the domain reads it."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.dispatch.domain.case import Act
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.worktime import Calendar, Limit
from shared.kernel.area import AreaPath


class Route(NamedTuple):
    """What the pack decides for a case of some category in some area; `rule` is its name in the pack."""

    condition: str
    unit: str
    rule: str


@dataclass(frozen=True, slots=True)
class Rules:
    """`handling` holds the limit of each (category, filing condition); `units` holds the codes of the handling units
    there are. `automatic` are the system's own acts, in order; `route` answers for those, or has none (a person
    decides).
    """

    number_prefix: str
    calendar: Calendar
    stages: Mapping[Stage, Limit]
    handling: Mapping[tuple[str, str], Limit]
    units: Container[str]
    check_radius_m: float
    automatic: tuple[Act, ...] = ()
    route: Callable[[str, AreaPath], Route | None] = lambda category, area: None

    def conditions(self, category: str) -> list[str]:
        """The filing conditions of `category`, in the catalogue's order."""
        return [condition for code, condition in self.handling if code == category]
