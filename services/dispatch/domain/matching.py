"""Whether a routing rule is for a case: all that it states must hold, what it leaves out does not matter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from services.dispatch.domain.worktime import MINUTES_OF_DAY, Calendar, used
from shared.kernel.area import AreaPath

_INSTANT = timedelta(microseconds=1)
EVERY_DAY = frozenset(range(1, 8))


class Matter(Protocol):
    """What rules look at. A case is one; `condition` is None until it is filed."""

    @property
    def category(self) -> str: ...
    @property
    def condition(self) -> str | None: ...
    @property
    def area(self) -> AreaPath: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...
    @property
    def source(self) -> str: ...


class Kind(StrEnum):
    """What the value of an attribute is."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Fault(NamedTuple):
    """An attribute that a rule asks for and a report lacks (`found` is None), or has as another kind of value."""

    name: str
    wanted: Kind
    found: str | None


def kind_of(value: object) -> Kind | None:
    """None for what no rule can ask for: null, a list, an object."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int | float):
        return Kind.NUMBER
    return Kind.TEXT if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the report: one of the values `among`, or a number from `least` to `most`, both included."""

    name: str
    kind: Kind
    among: frozenset[Any] | None = None
    least: float | None = None
    most: float | None = None

    def holds(self, attributes: Mapping[str, Any]) -> bool:
        """False for a report without it, or with a value of another kind: true is not 1, and "3" is not 3."""
        value = attributes.get(self.name)
        if kind_of(value) is not self.kind:
            return False
        if self.among is not None:
            return value in self.among
        assert isinstance(value, int | float)
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def fault(self, attributes: Mapping[str, Any]) -> Fault | None:
        """Why the attribute cannot even be looked at, if it cannot."""
        value = attributes.get(self.name)
        if kind_of(value) is self.kind:
            return None
        return Fault(self.name, self.kind, None if value is None else kind_of(value) or type(value).__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the week in the city's own time, from `start` until before `end` (minutes since midnight).

    A `start` later than `end` runs past midnight and belongs to the weekday it began on. `working` is inside the
    calendar's working slots (True) or outside of them (False).
    """

    weekdays: frozenset[int] = EVERY_DAY
    start: int = 0
    end: int = MINUTES_OF_DAY
    working: bool | None = None

    def holds(self, at: datetime, calendar: Calendar) -> bool:
        local = at.astimezone(calendar.zone)
        minute, weekday = local.hour * 60 + local.minute, local.isoweekday()
        if self.start < self.end:
            within = self.start <= minute < self.end
        else:
            within = minute >= self.start or minute < self.end
            if minute < self.end:
                weekday = (weekday - 2) % 7 + 1
        if not within or weekday not in self.weekdays:
            return False
        return self.working is None or self.working is bool(used(at, at + _INSTANT, False, calendar))


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a case must be. `categories` are codes, and beginnings of codes with a `*`; an empty part asks nothing."""

    categories: tuple[str, ...] = ()
    areas: tuple[AreaPath, ...] = ()
    conditions: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    attributes: tuple[Attribute, ...] = ()
    window: Window | None = None

    def of_category(self, code: str) -> bool:
        return not self.categories or any(
            code.startswith(each[:-1]) if each.endswith("*") else code == each for each in self.categories
        )

    def of_area(self, area: str) -> bool:
        return not self.areas or any(each.covers(area) for each in self.areas)

    def of_details(self, matter: Matter, at: datetime, calendar: Calendar) -> bool:
        """The attributes and the time: what is dear to look at."""
        return all(attribute.holds(matter.attributes) for attribute in self.attributes) and (
            self.window is None or self.window.holds(at, calendar)
        )

    def holds(self, matter: Matter, condition: str | None, at: datetime, calendar: Calendar) -> bool:
        """Whether the rule is for this case, decided on at `at`. `condition` is what it has or would be given."""
        return (
            self.of_category(matter.category)
            and self.of_area(matter.area)
            and (not self.conditions or condition in self.conditions)
            and (not self.sources or matter.source in self.sources)
            and self.of_details(matter, at, calendar)
        )

    def faults(self, matter: Matter, condition: str | None, at: datetime, calendar: Calendar) -> list[Fault]:
        """The attributes that alone keep the rule from matching, because they are missing or of another kind."""
        found = [fault for each in self.attributes if (fault := each.fault(matter.attributes))]
        if not found:
            return []
        amiss = {fault.name for fault in found}
        others = tuple(each for each in self.attributes if each.name not in amiss)
        asks = Matcher(self.categories, self.areas, self.conditions, self.sources, others, self.window)
        return found if asks.holds(matter, condition, at, calendar) else []
