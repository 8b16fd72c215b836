"""How many cases stand where, and what they are counted by."""

from typing import Any, Literal, NamedTuple, TypeAlias

from services.dispatch.store import counting, tallies
from services.dispatch.store.counting import COUNTED_TO, Group
from services.dispatch.store.tallies import Tally
from services.dispatch.store.wanted import OPEN, Sight, Wanted
from shared.kernel.area import AreaPath
from shared.kernel.errors import Invalid
from shared.postgres import Pool, transaction

By: TypeAlias = Literal["status", "unit", "category", "area"]
_OWN = ("statuses", "cases", "overdue", "warned", "opened_today", "closed_today")


class CountTooWide(Invalid):
    slug, title, title_zh = "count-too-wide", "Too much to be counted", "统计范围过大"


class Counts(NamedTuple):
    """`truncated`: there are more cases than were counted."""

    groups: list[Group]
    truncated: bool


async def situation(pool: Pool, sight: Sight, area: AreaPath, zone: str) -> list[dict[str, Any]]:
    """For each area one level below `area`: {area, statuses: {status: open cases}, cases, overdue, warned,
    opened_today, closed_today}, today by the city's clock; areas without any are left out.

    From counters for whoever sees all cases of an area. A unit's clerk and an app of some categories have theirs
    counted one by one: open cases and today's.
    """
    # Below the caller's own area nothing is hidden, beside it everything.
    inner = sight.area if area.covers(sight.area) else area
    async with transaction(pool) as tx:
        if sight.whole and sight.area.covers(inner) and await tallies.counted(tx):
            found = _placed(await tallies.read(tx, inner, zone), area, inner)
        else:
            found = await counting.direct(tx, sight, area, zone)
    return [item for item in _items(found) if any(item[name] for name in _OWN)]


def _placed(found: list[Tally], area: AreaPath, inner: AreaPath) -> list[Tally]:
    """Tallies under the areas that are shown. Of `inner` itself they came whole, of its children each: what lies in
    `inner` and in none of them is the difference.
    """
    if inner != area:
        shown = ".".join(inner.segments[: area.level + 1])
        return [tally._replace(area=shown) for tally in found if tally.area == inner]
    below = [tally for tally in found if tally.area != inner]
    less = [
        Tally(inner, t.status, -t.cases, -t.overdue, -t.warned, -t.opened, -t.closed)
        for t in below
        if inner  # no case lies in the whole city and in no part of it
    ]
    return below + [tally for tally in found if inner and tally.area == inner] + less


def _items(found: list[Tally]) -> list[dict[str, Any]]:
    items: dict[str, dict[str, Any]] = {}
    for tally in sorted(found, key=lambda each: (each.area, each.status or "")):
        here = items.setdefault(tally.area, {"area": tally.area} | {name: 0 for name in _OWN} | {"statuses": {}})
        here["opened_today"] += tally.opened
        here["closed_today"] += tally.closed
        if tally.status in OPEN:
            here["statuses"][tally.status] = here["statuses"].get(tally.status, 0) + tally.cases
            here["cases"] += tally.cases
            here["overdue"] += tally.overdue
            here["warned"] += tally.warned
    for item in items.values():
        item["statuses"] = {status: cases for status, cases in item["statuses"].items() if cases}
    return list(items.values())


async def count_cases(pool: Pool, sight: Sight, wanted: Wanted, by: By) -> Counts:
    """How many of the cases that are wanted there are by status, unit, category or area one level down.

    Exact and from counters where these count the same, else the first 50,000 that match, in at most three seconds.
    Raises CountTooWide when so many were not looked through in that time.
    """
    async with transaction(pool) as tx:
        if _by_counters(sight, wanted, by) and await tallies.counted(tx):
            return Counts(_groups(await tallies.read(tx, wanted.area, "UTC"), wanted), False)
        try:
            groups = await counting.by(tx, sight, wanted, by)
        except counting.TooSlow:
            raise CountTooWide(
                f"this was not counted within {counting.SECONDS} s: name an area, a status or a shorter time"
            ) from None
    return Counts(groups, sum(group.cases for group in groups) >= COUNTED_TO)


def _by_counters(sight: Sight, wanted: Wanted, by: By) -> bool:
    """By status, of an area that the caller sees all of, without any other filter but the status."""
    unfiltered = wanted._replace(statuses=None) == Wanted(wanted.area)
    return by == "status" and unfiltered and bool(wanted.area) and sight.whole and sight.area.covers(wanted.area)


def _groups(found: list[Tally], wanted: Wanted) -> list[Group]:
    groups = [
        Group(tally.status, tally.cases, tally.overdue, tally.warned)
        for tally in found
        if tally.area == wanted.area and tally.cases and (wanted.statuses is None or tally.status in wanted.statuses)
    ]
    return sorted(groups, key=lambda group: (-group.cases, group.key or ""))
