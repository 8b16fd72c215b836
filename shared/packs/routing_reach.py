"""Whether one routing rule leaves nothing to another below it.

Sure, not complete: what is said to be covered is, while a rule that only several others together leave nothing to is
found by `wangge routing try`, which counts what each rule matched.
"""

from collections.abc import Collection, Mapping

from shared.kernel.area import AreaPath
from shared.packs.routing import RoutingRule, TimeWindow, Wish


def covers(upper: RoutingRule, of_upper: Collection[str], lower: RoutingRule, of_lower: frozenset[str]) -> bool:
    """True if every case that `lower` is for is one of `upper`; the collections are the categories each is for."""
    one, other = upper.when, lower.when
    return (
        (one.category is None or (other.category is not None and of_lower.issubset(of_upper)))
        and _any_of(one.condition, other.condition)
        and _any_of(one.source, other.source)
        and _areas(one.area, other.area)
        and _attributes(one.attributes or {}, other.attributes or {})
        and _time(one.time, other.time)
    )


def _any_of(one: Collection[str] | None, other: Collection[str] | None) -> bool:
    return one is None or (other is not None and set(other).issubset(one))


def _areas(one: Collection[str] | None, other: Collection[str] | None) -> bool:
    if one is None:
        return True
    return other is not None and all(any(AreaPath(wide).covers(narrow) for wide in one) for narrow in other)


def _attributes(one: Mapping[str, Wish], other: Mapping[str, Wish]) -> bool:
    return all(name in other and _wish(wish, other[name]) for name, wish in one.items())


def _wish(one: Wish, other: Wish) -> bool:
    if one.among is not None:
        return other.among is not None and all(any(_same(a, b) for b in one.among) for a in other.among)
    if other.among is not None:
        numbers = [value for value in other.among if isinstance(value, int | float) and not isinstance(value, bool)]
        return len(numbers) == len(other.among) and all(_between(value, one) for value in numbers)
    low = one.min is None or (other.min is not None and other.min >= one.min)
    return low and (one.max is None or (other.max is not None and other.max <= one.max))


def _same(a: object, b: object) -> bool:
    return a == b and isinstance(a, bool) is isinstance(b, bool)


def _between(value: float, wish: Wish) -> bool:
    return (wish.min is None or value >= wish.min) and (wish.max is None or value <= wish.max)


def _time(one: TimeWindow | None, other: TimeWindow | None) -> bool:
    if one is None:
        return True
    if other is None:
        return False
    days = one.weekdays is None or (other.weekdays is not None and other.weekdays <= one.weekdays)
    return days and one.calendar in (None, other.calendar) and _minutes(one.minutes, other.minutes)


def _minutes(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Neither, or both, run past midnight: only then do the same weekdays mean the same days."""
    if (one[0] < one[1]) != (other[0] < other[1]):
        return False
    return one[0] <= other[0] and other[1] <= one[1]
