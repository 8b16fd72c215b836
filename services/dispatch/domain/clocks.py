"""The clocks of a case: one for each stage, started, paused, resumed and stopped by acts, with a course of steps.

A clock is measured by the calendar that its deadline was counted from, which it names: a deadline counted from
published years is frozen. One that rests on a year not published yet remembers how it came about, so that it can be
counted again (`recount`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from services.dispatch.domain.changed import changed
from services.dispatch.domain.steps import COURSE, RED, YELLOW, ClockStep
from services.dispatch.domain.worktime import Calendar, Limit, after, provisional, used

_SECOND = timedelta(seconds=1)


class Stage(StrEnum):
    ACCEPT = "accept"
    VERIFY = "verify"
    FILE = "file"
    DISPATCH = "dispatch"
    HANDLE = "handle"
    CHECK = "check"


class Ahead(NamedTuple):
    """The next share of the limit at which a running clock has a step, and when it reaches it."""

    percent: int
    at: datetime


class Spell(NamedTuple):
    """A stretch in which a clock ran, and what it measured of it."""

    start: datetime
    end: datetime
    measured: timedelta


@dataclass(frozen=True)
class StageClock:
    """One stage's clock. `spent` is what was used before `since`, the instant from which it runs (None: it stands).

    `warn_at` and `due_at` are the instants at which it reaches, or would have reached, 80 and 100 % of its limit.
    `generation` rises at every start and resume: a timer set for an earlier one means nothing. `reached` is the share,
    in percent, up to which its steps have fired; `ahead` the next one of a running clock.

    `calendar` is the version it is measured by, empty for a clock that runs on and in rows older than the field.
    `edition` is set while it rests on a provisional year: the edition of the calendars that it was counted from. Only
    then `spells` has the stretches that may be measured anew, the last one being that before it stood.
    """

    stage: Stage
    limit: timedelta
    continuous: bool
    generation: int
    spent: timedelta
    since: datetime | None
    warn_at: datetime
    due_at: datetime
    reached: int = 0
    ahead: Ahead | None = None
    calendar: str = ""
    edition: int | None = None
    spells: tuple[Spell, ...] = ()

    @property
    def running(self) -> bool:
        return self.since is not None

    @property
    def warned(self) -> bool:
        return self.reached >= YELLOW.percent

    @property
    def overdue(self) -> bool:
        return self.reached >= RED.percent

    @property
    def counted(self) -> dict[str, object]:
        """The clock as facts tell it: whole seconds of the limit, and of what was used when it last stood."""
        return {
            "stage": self.stage,
            "limit_s": self.limit // _SECOND,
            "used_s": self.spent // _SECOND,
        }

    def used(self, now: datetime, calendar: Calendar) -> timedelta:
        """How much time that counts it has measured by `now`; `calendar` is the one that it names."""
        if self.since is None:
            return self.spent
        return self.spent + used(self.since, now, self.continuous, calendar)


def started(
    stage: Stage,
    limit: Limit,
    at: datetime,
    calendar: Calendar,
    generation: int = 1,
    course: Sequence[ClockStep] = COURSE,
) -> StageClock:
    """A clock that begins at `at` with the whole of its limit."""
    span, continuous = limit.span(calendar), limit.unit.continuous
    warn_at = after(at, share_of(span, YELLOW.percent), continuous, calendar)
    due_at = after(at, span, continuous, calendar)
    first = course[0].percent
    early = first < YELLOW.percent
    return StageClock(
        stage=stage,
        limit=span,
        continuous=continuous,
        generation=generation,
        spent=timedelta(0),
        since=at,
        warn_at=warn_at,
        due_at=due_at,
        ahead=Ahead(first, after(at, share_of(span, first), continuous, calendar) if early else warn_at),
        calendar="" if continuous else calendar.version,
        edition=None if continuous else edition_of(at, due_at, calendar),
    )


def stopped(clock: StageClock, at: datetime, calendar: Calendar) -> StageClock:
    """The clock standing at `at`, with all it measured: the same for a pause as for the end. `calendar` is its own."""
    spent, since, edition = clock.used(at, calendar), clock.since, clock.edition
    if since is None:
        return clock
    if edition is None and not clock.continuous:
        edition = edition_of(since, at, calendar)
    if edition is None:
        return changed(clock, spent=spent, since=None, ahead=None)
    spells = (*clock.spells, Spell(since, at, spent - clock.spent))
    return changed(clock, spent=spent, since=None, ahead=None, edition=edition, spells=spells)


def resumed(clock: StageClock, at: datetime, calendar: Calendar, course: Sequence[ClockStep] = COURSE) -> StageClock:
    """The clock going on from `at` with the rest of its limit, by the calendar in force now. What was passed before
    stays passed, when it was.
    """
    warn_left, left = share_of(clock.limit, YELLOW.percent) - clock.spent, clock.limit - clock.spent
    due_at = clock.due_at if clock.overdue else after(at, left, clock.continuous, calendar)
    goes_on = changed(
        clock,
        generation=clock.generation + 1,
        since=at,
        warn_at=clock.warn_at if clock.warned else after(at, warn_left, clock.continuous, calendar),
        due_at=due_at,
        calendar="" if clock.continuous else calendar.version,
    )
    ahead = ahead_of(goes_on, calendar, course)
    if clock.continuous:
        return changed(goes_on, ahead=ahead)
    spells = tuple(spell for spell in clock.spells if provisional(spell.start, spell.end, calendar))
    edition = calendar.edition if spells else edition_of(at, max(due_at, ahead.at if ahead else due_at), calendar)
    return changed(goes_on, ahead=ahead, edition=edition, spells=spells)


def extended(
    clock: StageClock, limit: Limit, at: datetime, calendar: Calendar, course: Sequence[ClockStep] = COURSE
) -> StageClock:
    """The running clock with one more `limit` to use: its deadline moves on from where it was. Steps that lie ahead
    again are taken back: what was asked for in time is not late because its answer was. `calendar` is its own.
    """
    assert clock.since is not None
    whole, total = clock.limit + limit.span(calendar), clock.used(at, calendar)
    had = (step.percent for step in course if step.percent <= clock.reached)
    warn_left = share_of(whole, YELLOW.percent) - total
    longer = changed(
        clock,
        limit=whole,
        generation=clock.generation + 1,
        warn_at=clock.warn_at if warn_left <= timedelta(0) else after(at, warn_left, clock.continuous, calendar),
        due_at=after(clock.due_at, limit.span(calendar), clock.continuous, calendar),
        reached=max((percent for percent in had if share_of(whole, percent) <= total), default=0),
    )
    ahead = ahead_of(longer, calendar, course)
    edition = clock.edition
    if edition is None and not clock.continuous:
        edition = edition_of(clock.since, max(longer.due_at, ahead.at if ahead else longer.due_at), calendar)
    return changed(longer, ahead=ahead, edition=edition)


def passed(clock: StageClock, calendar: Calendar, course: Sequence[ClockStep] = COURSE) -> StageClock:
    """The running clock with the step ahead of it reached, looking at the one after. `calendar` is its own."""
    assert clock.ahead is not None
    assert clock.since is not None
    seen = changed(clock, reached=clock.ahead.percent)
    ahead = ahead_of(seen, calendar, course)
    edition = clock.edition
    if edition is None and ahead and not clock.continuous:
        edition = edition_of(clock.since, ahead.at, calendar)
    return changed(seen, ahead=ahead, edition=edition)


def ahead_of(clock: StageClock, calendar: Calendar, course: Sequence[ClockStep]) -> Ahead | None:
    """The first step of `course` that a running clock has not reached."""
    percent = next((step.percent for step in course if step.percent > clock.reached), None)
    if percent is None or clock.since is None:
        return None
    if percent in (YELLOW.percent, RED.percent):
        return Ahead(percent, clock.warn_at if percent == YELLOW.percent else clock.due_at)
    left = share_of(clock.limit, percent) - clock.spent
    return Ahead(percent, after(clock.since, left, clock.continuous, calendar))


def share_of(limit: timedelta, percent: int) -> timedelta:
    """So many percent of `limit`."""
    return limit * percent / 100


def edition_of(start: datetime, end: datetime, calendar: Calendar) -> int | None:
    """What a clock counted between the two remembers: the calendar's edition if a year is provisional, else nothing."""
    return calendar.edition if provisional(start, end, calendar) else None
