"""Calendars that are published one after the other, and rules with more steps, for tests of the domain."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from services.dispatch.domain.case import Act, Case, Post
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.steps import ClockStep, Do, course_of
from tests.unit.dispatch.cases import AUTOMATIC, RULES, do, opened

LEADER = ClockStep(200, Do.RAISE, ("command_leader",))
RAISING = replace(AUTOMATIC, courses={Stage.HANDLE: course_of([LEADER])})
# Thursday, 16:00 in Beijing, the last day of a published year: two working days later is the second one of 2027.
LATE = datetime(2026, 12, 31, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def published(
    rules: Rules,
    *years: int,
    off: Iterable[date] = (),
    worked: Iterable[date] = (),
    version: str = "",
) -> Rules:
    """`rules` after the next publication: those years are known, and their days off and make-up workdays."""
    before = rules.calendar
    edition = before.edition + 1
    calendar = replace(
        before,
        version=version or f"test-{edition}",
        holidays=before.holidays | frozenset(off),
        workdays=before.workdays | frozenset(worked),
        published=before.published | frozenset(years),
        edition=edition,
    )
    return replace(rules, calendar=calendar, calendars={**rules.calendars, before.version: before})


def dispatched(at: datetime = LATE, condition: str = "rattling") -> Case:
    """A case with its unit since `at`: two working days to handle it, counted from the first calendar."""
    case = do(opened(at - timedelta(minutes=3)), Act.ACCEPT, Post.ACCEPTOR, at=at - timedelta(minutes=2))
    case = do(case, Act.FILE, Post.SHIFT_LEADER, at=at - timedelta(minutes=1), condition=condition)
    return do(case, Act.DISPATCH, Post.DISPATCHER, at=at)


__all__ = ["DAY", "LATE", "LEADER", "RAISING", "RULES", "dispatched", "published"]
