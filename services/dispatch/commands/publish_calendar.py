"""Calendars of working time: the pack's own, and those that are published later, for everybody who counts from them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.dispatch.pack_rules import Published, own_calendars, rules_of
from services.dispatch.store import calendars
from services.dispatch.wiring import Wired
from shared.kernel.area import AreaPath
from shared.kernel.errors import Conflict, FieldError, Invalid, Refusal
from shared.packs.calendars import Announced, amended, stated
from shared.packs.model import Calendar
from shared.postgres import ACQUIRE_SECONDS, Connection, transaction


class VersionTaken(Conflict):
    slug, title, title_zh = "calendar-version-taken", "Another calendar has this version", "该日历版本号已被使用"


class OutsideTheCity(Invalid):
    slug, title, title_zh = "outside-the-city", "Not a part of the city", "区域不属于本市"


class AnotherPack(Conflict):
    slug, title, title_zh = "another-pack", "The city runs on another pack", "本市使用的是其他制度包"


class Outcome(NamedTuple):
    """`edition` of the calendar; `new` is false when it was published before; `waiting` open cases are looked at next.

    `behind` are areas with a calendar of their own that does not know a year which this one announces.
    """

    edition: int
    new: bool
    waiting: int
    behind: list[str]


class Publication(NamedTuple):
    """One line of the list of calendars; `years` are all that it knows, those of the one before it too."""

    edition: int
    area: str
    version: str
    years: list[int]
    published_at: datetime


async def publish_calendar(wired: Wired, area: AreaPath, announced: Announced) -> Outcome:
    """Publish years of the area's calendar, on top of the one in force there. Doing it again changes nothing.

    Raises OutsideTheCity, AnotherPack, VersionTaken, BadCalendar.
    """
    if area == wired.pack.area:
        area = AreaPath.root()  # the same: one name, so that neither hides the other
    if area and not AreaPath(wired.pack.area).covers(area):
        raise OutsideTheCity(
            f"{area} is not a part of {wired.pack.area}, this city",
            errors=[FieldError("?area", f"below {wired.pack.area}")],
        )
    async with transaction(wired.pool) as tx:
        await calendars.take_turn(tx)
        known = await _every(tx)
        if not known:
            known = await _register_own(tx, wired)
        elif any(_differs(known, own.area, own.calendar) for own in own_calendars(wired.pack)):
            raise AnotherPack(
                f"deadlines here are not counted from the calendars of pack {wired.pack.name} "
                f"({known[0].calendar.version} came first): set WANGGE_PACK to the pack that dispatch runs with"
            )
        found, new = await _add(tx, known, area, announced)
        waiting = await calendars.waiting(tx, found.edition)
    in_force = {each.area: each.calendar for each in known if each.area != area and area.covers(each.area)}
    behind = sorted(each for each, own in in_force.items() if not announced.published <= own.published)
    return Outcome(found.edition, new, waiting, behind)


async def load_calendars(wired: Wired) -> None:
    """Bring the rules up to what is published; the pack's own calendars are published at first sight.

    One look at one number unless something was published since. Raises VersionTaken if the pack changed a calendar and
    kept its version.
    """
    async with wired.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        if wired.in_force.edition and await calendars.last_edition(connection) == wired.in_force.edition:
            return
        known = await _every(connection)
    if not wired.in_force.edition and any(_differs(known, own.area, own.calendar) for own in own_calendars(wired.pack)):
        async with transaction(wired.pool) as tx:
            await calendars.take_turn(tx)
            try:
                known = await _register_own(tx, wired)
            except Refusal as refusal:
                wired.in_force.trouble = refusal.detail
                raise
    wired.in_force.rules = rules_of(wired.pack, known, wired.live)
    wired.in_force.edition = known[-1].edition


async def publications(wired: Wired) -> list[Publication]:
    """Every publication, the first one first."""
    async with wired.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        rows = await calendars.every(connection)
    return [Publication(r.edition, r.area, r.version, sorted(r.days["published"]), r.published_at) for r in rows]


async def _every(connection: Connection) -> list[Published]:
    return [Published(row.edition, row.area, stated(row.days)) for row in await calendars.every(connection)]


async def _register_own(tx: Connection, wired: Wired) -> list[Published]:
    """All publications, the pack's own among them."""
    known = await _every(tx)
    for own in own_calendars(wired.pack):
        await _add(tx, known, own.area, own.calendar)
    return known


async def _add(
    tx: Connection, known: list[Published], area: str, announced: Announced | Calendar
) -> tuple[Published, bool]:
    """The publication of `announced` for `area`, added to the table and to `known` unless it is there."""
    earlier = next((each for each in known if each.calendar.version == announced.version), None)
    if earlier is not None:
        if _differs(known, area, announced):
            where = earlier.area or "the whole city"
            raise VersionTaken(
                f"calendar version {announced.version} was published for {where} with other days or hours: deadlines "
                "were counted from it, so it stays as it is; give what has changed a new version",
                errors=[FieldError("/version", "a version that was not used before")],
            )
        return earlier, False
    nearest = max(
        (each for each in known if AreaPath(each.area).covers(area)),
        key=lambda each: (len(each.area), each.edition),
        default=None,
    )
    if nearest is not None:
        calendar = amended(nearest.calendar, announced)
    else:  # the pack's own, of which the city's is the first, are there before anybody else's
        assert isinstance(announced, Calendar)
        calendar = announced
    edition = await calendars.add(tx, area, calendar.version, calendar.model_dump(mode="json"))
    known.append(Published(edition, area, calendar))
    return known[-1], True


def _differs(known: Sequence[Published], area: str, announced: Announced | Calendar) -> bool:
    """True unless the very same was published for the area before, under this version."""
    earlier = next((each for each in known if each.calendar.version == announced.version), None)
    if earlier is None or earlier.area != area:
        return True
    return amended(earlier.calendar, announced) != earlier.calendar
