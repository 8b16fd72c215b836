"""Deadlines that rest on a provisional year, counted again when its calendar is published.

Only the years that were provisional are counted anew: what was counted from a published year stays as it was.
"""

from datetime import datetime, timedelta

from services.dispatch.domain.case import Case
from services.dispatch.domain.changed import changed
from services.dispatch.domain.clocks import Ahead, Spell, StageClock, edition_of, share_of
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.steps import RED, YELLOW, name_of
from services.dispatch.domain.worktime import Calendar, after, kept_by, provisional, used


def outdated(case: Case, rules: Rules) -> list[StageClock]:
    """The clocks, running or standing, that rest on a provisional year of calendars older than those in force."""
    edition = rules.calendar.edition
    return [clock for clock in case.clocks if clock.edition is not None and clock.edition < edition]


def of_unknown_calendar(case: Case) -> list[StageClock]:
    """Clocks that run in working time and do not say by which calendar: of rows older than the member."""
    return [clock for clock in case.clocks if clock.since and not clock.calendar and not clock.continuous]


def adopted(clock: StageClock, rules: Rules) -> StageClock:
    """Such a clock as if it had been counted from the calendar in force: its deadline stays, whether it is a guess is
    known from now on.
    """
    assert clock.since is not None
    calendar = rules.calendar
    until = max(clock.due_at, clock.ahead.at if clock.ahead else clock.due_at)
    return changed(clock, calendar=calendar.version, edition=edition_of(clock.since, until, calendar))


def recounted(clock: StageClock, at: datetime, rules: Rules) -> StageClock:
    """The clock as if the years published since had been known all along.

    Its stretches are measured anew and its instants found along them. Steps that it has then not reached at `at` are
    taken back: they rested on a guess, and fire again when they are really reached.
    """
    calendar = kept_by(rules.counted_by(clock), rules.calendar)
    frozen = clock.spent - sum((spell.measured for spell in clock.spells), timedelta(0))
    spells = tuple(Spell(s.start, s.end, used(s.start, s.end, False, calendar)) for s in clock.spells)
    spent = frozen + sum((spell.measured for spell in spells), timedelta(0))
    total = spent + (used(clock.since, at, False, calendar) if clock.since else timedelta(0))
    course = rules.course(clock.stage)
    had = (step.percent for step in course if step.percent <= clock.reached)
    reached = max((percent for percent in had if share_of(clock.limit, percent) <= total), default=0)

    def reaches(percent: int) -> datetime | None:
        return _reaches(share_of(clock.limit, percent) - frozen, spells, clock.since, calendar)

    following = next((step.percent for step in course if step.percent > reached), None)
    due_at = reaches(RED.percent) or clock.due_at
    warn_at = reaches(YELLOW.percent) or clock.warn_at
    ahead = None
    if following is not None and clock.since is not None:
        known = {YELLOW.percent: warn_at, RED.percent: due_at}.get(following)
        ahead = Ahead(following, known or reaches(following) or clock.since)
    until = max(due_at, ahead.at if ahead else due_at, clock.since or due_at)
    first = spells[0].start if spells else clock.since or due_at
    still = provisional(first, until, calendar)
    return changed(
        clock,
        spent=spent,
        warn_at=warn_at,
        due_at=due_at,
        reached=reached,
        ahead=ahead,
        calendar=calendar.version,
        edition=rules.calendar.edition if still else None,
        spells=spells if still else (),
    )


def taken_back(before: StageClock, now: StageClock, rules: Rules) -> list[str]:
    """The names of the steps that `before` had reached and `now` has not."""
    percents = {step.percent for step in rules.course(before.stage)}
    return [name_of(percent) for percent in sorted(percents) if now.reached < percent <= before.reached]


def _reaches(left: timedelta, spells: tuple[Spell, ...], since: datetime | None, calendar: Calendar) -> datetime | None:
    """When `left` is used along the stretches and then from `since` (for a clock that stands: from where it stopped).

    None if nothing is left: it was reached in what is frozen.
    """
    if left <= timedelta(0):
        return None
    for spell in spells:
        if left <= spell.measured:
            return after(spell.start, left, False, calendar)
        left -= spell.measured
    start = since or spells[-1].end
    return after(start, left, False, calendar)
