"""Working time: when a limit runs out, and how much of one was used.

Units (GB/T 30428.8 and the Yuncheng standard): `work_minute/hour/day` count only inside the calendar's working slots;
a work day is as many hours as its slots have, so one work day from 16:00 ends at 16:00 of the next working day.
`urgent_minute/hour/day` run through nights and holidays.

A calendar is compiled once, a year at a time, into the bounds of its working slots in UTC microseconds with a running
total, so that both functions are a binary search: about 4 µs, which bulk dispatch needs twice for each case.

Limits are typed: which of them are urgent 紧急 the catalogue says in its column `unit`; no free text is read for it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MINUTES_OF_DAY = 24 * 60


class Unit(StrEnum):
    WORK_MINUTE = "work_minute"
    WORK_HOUR = "work_hour"
    WORK_DAY = "work_day"
    URGENT_MINUTE = "urgent_minute"
    URGENT_HOUR = "urgent_hour"
    URGENT_DAY = "urgent_day"

    @property
    def continuous(self) -> bool:
        """True for time that runs through nights and holidays."""
        return self.startswith("urgent")


_LENGTH = {
    Unit.WORK_MINUTE: timedelta(minutes=1),
    Unit.URGENT_MINUTE: timedelta(minutes=1),
    Unit.WORK_HOUR: timedelta(hours=1),
    Unit.URGENT_HOUR: timedelta(hours=1),
    Unit.URGENT_DAY: timedelta(days=1),
}


class Slot(NamedTuple):
    """A stretch of working time in local minutes since midnight; `end` may be 1440."""

    start: int
    end: int


# A calendar equals itself alone (eq=False): year tables are looked up by it, and hashing its days would cost more.
@dataclass(frozen=True, eq=False)
class Calendar:
    """Which days are worked, and when. `weekend` are ISO weekdays (6, 7); `workdays` are make-up days 调休上班 that
    are worked although they fall on one; `holidays` are days off. `published` are the years an authority has
    announced: any other year is provisional, counted with weekends alone. `edition` numbers the publications that the
    city had seen when this calendar was made: a later one may know years that are provisional here.

    Years that `kept` has published are counted as they are there, whatever this calendar says of them: see `kept_by`.
    """

    version: str
    time_zone: str
    slots: tuple[Slot, ...]
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    weekend: frozenset[int] = frozenset({6, 7})
    published: frozenset[int] = frozenset()
    edition: int = 0
    kept: "Calendar | None" = None

    def __post_init__(self) -> None:
        bounds = [minute for slot in self.slots for minute in slot]
        in_order = all(a < b for a, b in zip(bounds[::2], bounds[1::2], strict=True)) and bounds == sorted(bounds)
        if not bounds or not in_order or bounds[0] < 0 or bounds[-1] > MINUTES_OF_DAY:
            raise ValueError(
                f"working slots must follow one another within one day, each longer than nothing: {self.slots}"
            )
        if len(self.weekend) >= 7:
            raise ValueError("a week needs a working day")

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def day(self) -> timedelta:
        """The working time of one work day."""
        return timedelta(minutes=sum(slot.end - slot.start for slot in self.slots))

    def works_on(self, day: date) -> bool:
        return day in self.workdays or (day not in self.holidays and day.isoweekday() not in self.weekend)


@dataclass(frozen=True, slots=True)
class Limit:
    """How long something may take: an amount of one unit."""

    amount: int
    unit: Unit

    def span(self, calendar: Calendar) -> timedelta:
        """The limit as working time, or as running time for an urgent one."""
        return self.amount * (calendar.day if self.unit is Unit.WORK_DAY else _LENGTH[self.unit])


def due(start: datetime, limit: Limit, calendar: Calendar) -> datetime:
    """The first instant at which all of `limit` is used, counting from `start`."""
    return after(start, limit.span(calendar), limit.unit.continuous, calendar)


def after(start: datetime, span: timedelta, continuous: bool, calendar: Calendar) -> datetime:
    """The first instant at which `span` has passed since `start`: working time, or any time if `continuous`."""
    start = start.astimezone(UTC)  # arithmetic within another zone would count the wall clock's hours
    if continuous or span <= timedelta(0):
        return start + max(span, timedelta(0))
    return _EPOCH + _after(_micros(start), span // _MICROSECOND, calendar) * _MICROSECOND


def used(start: datetime, end: datetime, continuous: bool, calendar: Calendar) -> timedelta:
    """How much time that counts lies between `start` and `end`; nothing if `end` is not after `start`."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        return timedelta(0)
    if continuous:
        return end - start
    first, last = start.astimezone(calendar.zone).year, end.astimezone(calendar.zone).year
    total = 0
    for year in range(first, last + 1):
        table = _year(calendar, year)
        total += table.before(_micros(end)) - table.before(_micros(start))
    return total * _MICROSECOND


def provisional(start: datetime, end: datetime, calendar: Calendar) -> bool:
    """True if working time between the two was counted in a year whose calendar is not published yet."""
    first, last = start.astimezone(calendar.zone).year, end.astimezone(calendar.zone).year
    if first == last:  # nearly always, and asked for each clock that starts
        return first not in calendar.published
    return any(year not in calendar.published for year in range(first, last + 1))


# One result for each pair, because year tables belong to it; pairs are few: a year is published once.
@lru_cache(maxsize=64)
def kept_by(old: Calendar, new: Calendar) -> Calendar:
    """`new` for a deadline that was counted from `old`: years that `old` had published stay as they were there.

    Its version names both, `cn-2027-1/cn-2026-2`, unless `new` says the same of those years.
    """
    # What `new` knows that `old` did not is what may move; of the years of `old` only those are asked that it would.
    if old is new or all(_year(old, year)[:3] == _year(new, year)[:3] for year in old.published):
        return new
    return replace(new, version=f"{new.version}/{old.version}", published=new.published | old.published, kept=old)


def _after(start: int, span: int, calendar: Calendar) -> int:
    year = (_EPOCH + start * _MICROSECOND).astimezone(calendar.zone).year
    left = span
    while True:
        table = _year(calendar, year)
        reached = table.before(start) + left
        if reached <= table.total:
            return table.when(reached)
        left = reached - table.total
        year += 1


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


class _Year(NamedTuple):
    """Working slots of one local year: their bounds, and the working time before each begins."""

    starts: list[int]
    ends: list[int]
    totals: list[int]
    total: int

    def before(self, at: int) -> int:
        """The year's working time that lies before `at`."""
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return 0
        return self.totals[index] + min(at, self.ends[index]) - self.starts[index]

    def when(self, worked: int) -> int:
        """The first instant before which the year has `worked` (more than nothing, at most its total)."""
        index = bisect_left(self.totals, worked) - 1
        return self.starts[index] + worked - self.totals[index]


# A city has one calendar, in a few versions; cases live for years, not for decades.
@lru_cache(maxsize=256)
def _year(calendar: Calendar, year: int) -> _Year:
    if calendar.kept is not None and year in calendar.kept.published:
        return _year(calendar.kept, year)
    starts, ends, totals, total = [], [], [], 0
    for start, end in _slots(calendar, year):
        if end > start:  # a slot that daylight saving skips is no time at all
            starts.append(start)
            ends.append(end)
            totals.append(total)
            total += end - start
    return _Year(starts, ends, totals, total)


def _slots(calendar: Calendar, year: int) -> Iterable[tuple[int, int]]:
    zone, day = calendar.zone, date(year, 1, 1)
    while day.year == year:
        if calendar.works_on(day):
            for slot in calendar.slots:
                yield _instant(day, slot.start, zone), _instant(day, slot.end, zone)
        day += timedelta(days=1)


def _instant(day: date, minute: int, zone: ZoneInfo) -> int:
    midnight = datetime.combine(day + timedelta(days=minute // MINUTES_OF_DAY), time(), zone)
    return _micros(midnight.replace(hour=minute % MINUTES_OF_DAY // 60, minute=minute % 60).astimezone(UTC))
