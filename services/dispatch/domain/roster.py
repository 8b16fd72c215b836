"""Duty rosters 值班表 of the A and B post system (AB岗): who is on duty in an area at an instant, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from services.dispatch.domain.case import Post
from services.dispatch.domain.register import Finding
from shared.kernel.area import AreaPath

DAY_MINUTES: Final = 1440
EVERY_DAY: Final = frozenset(range(1, 8))
ON_SITE: Final = frozenset({Post.GRID_WORKER, Post.SUPERVISOR, Post.GRID_LEADER})


class Duty(NamedTuple):
    """One row of a roster: in `area`, `a` is on duty, and `b` while `a` is off.

    `weekdays` are ISO (1 Monday … 7 Sunday); hours are minutes since local midnight, over midnight when they do not
    begin before they end, and then belong to the day on which they begin. `from_day` and `until_day` are both days of
    duty; None is without end. Days of absence are local days as well.
    """

    area: AreaPath
    a: str
    b: str | None = None
    weekdays: frozenset[int] = EVERY_DAY
    from_minute: int = 0
    until_minute: int = DAY_MINUTES
    from_day: date | None = None
    until_day: date | None = None
    absent_a: frozenset[date] = frozenset()
    absent_b: frozenset[date] = frozenset()

    def day_of(self, local: datetime) -> date | None:
        """The day whose duty covers this local time; None if none does."""
        minute, today = local.hour * 60 + local.minute, local.date()
        if self.from_minute < self.until_minute:
            return today if self.from_minute <= minute < self.until_minute and self._on(today) else None
        if minute >= self.from_minute:
            return today if self._on(today) else None
        yesterday = today - timedelta(days=1)
        return yesterday if minute < self.until_minute and self._on(yesterday) else None

    def _on(self, day: date) -> bool:
        return (
            day.isoweekday() in self.weekdays
            and (self.from_day is None or self.from_day <= day)
            and (self.until_day is None or day <= self.until_day)
        )


class Staff(NamedTuple):
    """Somebody in a post on the spot at present, and the area whose cases that person sees."""

    subject: str
    post: str
    area: AreaPath


class Assignment(NamedTuple):
    """Who is on duty; None if nobody is. `why`: "a", "b", "leader: …" or "nobody: …"."""

    subject: str | None
    why: str


@dataclass(frozen=True)
class Roster:
    """All rows in force and all who are in a post on the spot, by area. Rows of one area do not overlap (`overlaps`).

    `on_duty` takes 4.9 µs with ten grids and with 10⁴ (60 look-ups in a bare dictionary), twice that for a hole.
    """

    zone: ZoneInfo
    rows: Mapping[str, Sequence[Duty]] = field(default_factory=dict)
    staff: Mapping[str, Staff] = field(default_factory=dict)

    @cached_property
    def leaders(self) -> Mapping[str, str]:
        """Area → its grid leader 网格长, by name the first where there are several."""
        found: dict[str, str] = {}
        for subject in sorted(self.staff, reverse=True):
            person = self.staff[subject]
            if person.post == Post.GRID_LEADER:
                found[person.area] = subject
        return found


def roster_of(zone: ZoneInfo, rows: Iterable[Duty], staff: Iterable[Staff]) -> Roster:
    """A roster of these rows and people."""
    by_area: dict[str, list[Duty]] = {}
    for row in rows:
        by_area.setdefault(row.area, []).append(row)
    return Roster(zone, by_area, {person.subject: person for person in staff})


def on_duty(roster: Roster, area: AreaPath, at: datetime, after: str | None = None) -> Assignment:
    """Who is on duty in `area` at `at`; with `after`, who comes after that subject, who did not answer: the B post
    after the A post, a leader after the B post, a leader further up after a leader.

    The row of the longest area that has one for this hour decides: its A post, or the B post while A is off. Off is who
    is absent that day, no longer in a post on the spot, or does not see the area. A hole falls to the leader 网格长 of
    the nearest area around it.
    """
    local = at.astimezone(roster.zone)
    hole = None
    for around in _upwards(area):
        found = next(((row, day) for row in roster.rows.get(around, ()) if (day := row.day_of(local))), None)
        if found is None:
            continue
        row, day = found
        for subject, absent, why in _posts(row, after, roster):
            if day not in absent and _present(roster, subject, area):
                return Assignment(subject, why)
        hole = _hole(row, day, after)
        break
    hole = hole or f"no roster for {area or 'the whole city'} at {local:%Y-%m-%d %H:%M}"
    above = [roster.leaders[around] for around in _upwards(area) if around in roster.leaders]
    if after in above:
        above = above[above.index(after) + 1 :]
    if above:
        return Assignment(above[0], f"leader: {hole}")
    return Assignment(None, f"nobody: {hole}, and no grid leader 网格长 around it")


def _posts(row: Duty, after: str | None, roster: Roster) -> list[tuple[str, frozenset[date], str]]:
    """The posts of a row, in the order in which they are asked, from the one after `after` on."""
    posts = [(row.a, row.absent_a, "a"), *([(row.b, row.absent_b, "b")] if row.b else [])]
    names = [subject for subject, _, _ in posts]
    if after in names:
        return posts[names.index(after) + 1 :]
    return [] if after in roster.leaders.values() else posts


def _hole(row: Duty, day: date, after: str | None) -> str:
    if after is not None:
        return f"{after} did not answer"
    return f"{row.a} and {row.b} are off on {day}" if row.b else f"{row.a} is off on {day} and there is no B post"


def _upwards(area: AreaPath) -> list[str]:
    return [*reversed(area.prefixes()), ""]


def _present(roster: Roster, subject: str, area: AreaPath) -> bool:
    person = roster.staff.get(subject)
    return person is not None and person.area.covers(area)


def check_roster(given: Sequence[tuple[int, Duty]], staff: Mapping[str, Staff], city: AreaPath) -> list[Finding]:
    """People who are in no post on the spot or do not see the area, rows that overlap. Rows come with their lines."""
    found = []
    for line, row in given:
        if row.area and not city.covers(row.area):
            found.append(Finding(f"line {line}, area", f"{row.area} lies outside the city, {city}"))
        if row.a == row.b:
            found.append(Finding(f"line {line}, b", f"{row.b} is the A post already: name another, or none"))
        if row.from_day and row.until_day and row.until_day < row.from_day:
            found.append(Finding(f"line {line}, until_day", f"{row.until_day} lies before from_day, {row.from_day}"))
        for column, subject in (("a", row.a), ("b", row.b)):
            if subject is None:
                continue
            person = staff.get(subject)
            if person is None:
                message = (
                    f"{subject} is in no post on the spot ({', '.join(sorted(ON_SITE))}): wangge people import first"
                )
                found.append(Finding(f"line {line}, {column}", message))
            elif not person.area.covers(row.area):
                message = f"{subject} sees {person.area}, not {row.area or 'the whole city'}: widen the person's area"
                found.append(Finding(f"line {line}, {column}", message))
    return found + overlaps(given)


def overlaps(given: Sequence[tuple[int, Duty]]) -> list[Finding]:
    """Rows of one area of which two would be on duty at once."""
    found, by_area = [], dict[str, list[tuple[int, Duty]]]()
    for line, row in given:
        for earlier, other in by_area.setdefault(row.area, []):
            if _overlap(row, other):
                found.append(
                    Finding(
                        f"line {line}",
                        f"overlaps line {earlier}: in {row.area or 'the whole city'} both are on duty at some hour; "
                        "part them by weekdays, hours or days",
                    )
                )
                break
        by_area[row.area].append((line, row))
    return found


def _overlap(one: Duty, other: Duty) -> bool:
    for first, second in ((one, other), (other, one)):
        for days_on, begins, ends in _stretches(first):
            for other_days_on, other_begins, other_ends in _stretches(second):
                # Once with the days as they are; a stretch after midnight belongs to the day before.
                shift = other_days_on - days_on
                if begins < other_ends and other_begins < ends and _share_a_day(first, second, shift):
                    return True
    return False


def _stretches(row: Duty) -> list[tuple[int, int, int]]:
    """(days after the day of duty, from minute, until minute)."""
    if row.from_minute < row.until_minute:
        return [(0, row.from_minute, row.until_minute)]
    return [(0, row.from_minute, DAY_MINUTES), (1, 0, row.until_minute)]


def _share_a_day(one: Duty, other: Duty, shift: int) -> bool:
    """Whether there is a day of duty of `one` that is `shift` days after one of `other`."""
    offset = timedelta(days=shift)
    starts = [day for day in (one.from_day, other.from_day + offset if other.from_day else None) if day]
    ends = [day for day in (one.until_day, other.until_day + offset if other.until_day else None) if day]
    weekdays = one.weekdays & {(day - 1 + shift) % 7 + 1 for day in other.weekdays}
    if not weekdays:
        return False
    if not starts or not ends:
        return True
    first, last = max(starts), min(ends)
    return any((first + timedelta(days=n)).isoweekday() in weekdays for n in range(min(7, (last - first).days + 1)))
