"""A pack's routing rules as those of the domain, and the city that they are measured against."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from services.dispatch.domain.case import Act
from services.dispatch.domain.matching import EVERY_DAY, Attribute, Kind, Matcher, Window
from services.dispatch.domain.routing import City, Known, Rule, Target
from services.dispatch.domain.worktime import Calendar, Limit, Unit
from shared.kernel.area import AreaPath
from shared.packs.model import Pack
from shared.packs.model import Unit as PackUnit
from shared.packs.routing import OF_CATEGORY, RoutingRule, TimeWindow, Wish
from shared.packs.routing import Target as PackTarget
from shared.packs.routing_references import type_of

# The system's own acts in their order: none of them can follow one that a person has to do.
LEVELS = {"accept": Act.AUTO_ACCEPT, "file": Act.AUTO_FILE, "dispatch": Act.AUTO_DISPATCH}
_ACTS = tuple(LEVELS.values())


def city_of(pack: Pack, calendar: Calendar) -> City:
    """What `pack` says of categories, units and the system's own acts."""
    automatic = pack.automatic
    return City(
        calendar=calendar,
        categories={
            code: Known(category.dept, tuple(condition.key for condition in category.conditions))
            for code, category in pack.categories.items()
        },
        nearest=nearest_of(pack.units.values()),
        automatic=tuple(act for level, act in LEVELS.items() if getattr(automatic, level)),
    )


def nearest_of(units: Iterable[PackUnit]) -> Callable[[str, str], str | None]:
    """`(department, area)` → the code of its unit with the smallest area that covers that one.

    A walk up the area's levels instead of over all units, and of the last some thousand pairs not even that.
    """
    known: dict[tuple[str, str], str] = {}
    for unit in units:
        known.setdefault((unit.dept, str(unit.area)), unit.code)

    @lru_cache(maxsize=16_384)
    def nearest(dept: str, area: str) -> str | None:
        while (code := known.get((dept, area))) is None and area:
            area = area.rpartition(".")[0]
        return code

    return nearest


def rules_from(stated: Sequence[RoutingRule]) -> list[Rule]:
    """The rules of a file, in its order."""
    return [_rule(each) for each in stated]


def _rule(stated: RoutingRule) -> Rule:
    when, then = stated.when, stated.then
    return Rule(
        name=stated.name,
        matcher=Matcher(
            categories=when.category or (),
            areas=tuple(map(AreaPath, when.area or ())),
            conditions=frozenset(when.condition or ()),
            sources=frozenset(when.source or ()),
            attributes=tuple(_attribute(name, wish) for name, wish in (when.attributes or {}).items()),
            window=_window(when.time) if when.time else None,
        ),
        lead=_target(then.unit),
        assisting=tuple(map(_target, then.assisting)),
        condition=then.condition,
        limit=Limit(then.limit.amount, Unit(then.limit.unit)) if then.limit else None,
        automatic=_automatic(then.auto),
    )


def _attribute(name: str, wish: Wish) -> Attribute:
    if wish.among is None:
        return Attribute(name, Kind.NUMBER, None, wish.min, wish.max)
    return Attribute(name, Kind(type_of(wish.among[0]) or ""), frozenset(wish.among))


def _window(time: TimeWindow) -> Window:
    working = None if time.calendar is None else time.calendar == "working"
    return Window(time.weekdays or EVERY_DAY, *time.minutes, working)


def _target(stated: PackTarget) -> Target:
    if stated.code is not None:
        return Target(unit=stated.code)
    return Target(dept=None if stated.dept == OF_CATEGORY else stated.dept)


def _automatic(auto: bool | str | None) -> tuple[Act, ...] | None:
    if isinstance(auto, str):
        return _ACTS[: _ACTS.index(LEVELS[auto]) + 1]
    return None if auto is None else _ACTS if auto else ()
