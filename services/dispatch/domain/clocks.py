"""The clocks of a case: one for each stage, started, paused, resumed and stopped by acts; yellow at 80 %, red at 100
%.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.dispatch.domain.changed import changed
from services.dispatch.domain.worktime import Calendar, Limit, after, used

# Yellow at 80 % of the limit, red at 100 %: DESIGN §5; the same steps as the Unicom platform's.
WARN_SHARE = 0.8
_SECOND = timedelta(seconds=1)


class Stage(StrEnum):
    ACCEPT = "accept"
    VERIFY = "verify"
    FILE = "file"
    DISPATCH = "dispatch"
    HANDLE = "handle"
    CHECK = "check"


class Mark(StrEnum):
    """What a clock is about to reach."""

    WARN = "warn"
    OVERDUE = "overdue"


@dataclass(frozen=True)
class StageClock:
    """One stage's clock. `spent` is what was used before `since`, the instant from which it runs (None: it stands).

    `warn_at` and `due_at` are the instants at which it reaches, or would have reached, its two marks. `generation`
    rises at every start and resume: a timer set for an earlier one means nothing.
    """

    stage: Stage
    limit: timedelta
    continuous: bool
    generation: int
    spent: timedelta
    since: datetime | None
    warn_at: datetime
    due_at: datetime
    warned: bool = False
    overdue: bool = False

    @property
    def running(self) -> bool:
        return self.since is not None

    @property
    def next_mark(self) -> tuple[Mark, datetime] | None:
        """The mark that a running clock reaches next, and when; None if it stands or has them all."""
        if self.since is None or self.overdue:
            return None
        return (Mark.OVERDUE, self.due_at) if self.warned else (Mark.WARN, self.warn_at)

    @property
    def counted(self) -> dict[str, object]:
        """The clock as facts tell it: whole seconds of the limit, and of what was used when it last stood."""
        return {
            "stage": self.stage,
            "limit_s": self.limit // _SECOND,
            "used_s": self.spent // _SECOND,
        }

    def used(self, now: datetime, calendar: Calendar) -> timedelta:
        """How much time that counts it has measured by `now`."""
        if self.since is None:
            return self.spent
        return self.spent + used(self.since, now, self.continuous, calendar)


def started(stage: Stage, limit: Limit, at: datetime, calendar: Calendar, generation: int = 1) -> StageClock:
    """A clock that begins at `at` with the whole of its limit."""
    span, continuous = limit.span(calendar), limit.unit.continuous
    return StageClock(
        stage=stage,
        limit=span,
        continuous=continuous,
        generation=generation,
        spent=timedelta(0),
        since=at,
        warn_at=after(at, span * WARN_SHARE, continuous, calendar),
        due_at=after(at, span, continuous, calendar),
    )


def stopped(clock: StageClock, at: datetime, calendar: Calendar) -> StageClock:
    """The clock standing at `at`, with all it measured: the same for a pause as for the end."""
    return changed(clock, spent=clock.used(at, calendar), since=None)


def resumed(clock: StageClock, at: datetime, calendar: Calendar) -> StageClock:
    """The clock going on from `at` with the rest of its limit. What was passed before stays passed, when it was."""
    warn_left, left = clock.limit * WARN_SHARE - clock.spent, clock.limit - clock.spent
    return changed(
        clock,
        generation=clock.generation + 1,
        since=at,
        warn_at=clock.warn_at if clock.warned else after(at, warn_left, clock.continuous, calendar),
        due_at=clock.due_at if clock.overdue else after(at, left, clock.continuous, calendar),
    )


def extended(clock: StageClock, limit: Limit, at: datetime, calendar: Calendar) -> StageClock:
    """The running clock with one more `limit` to use: its deadline moves on from where it was. Marks that lie ahead
    again are taken back: what was asked for in time is not late because its answer was.
    """
    more = limit.span(calendar)
    due_at = after(clock.due_at, more, clock.continuous, calendar)
    whole = clock.limit + more
    warn_left = whole * WARN_SHARE - clock.used(at, calendar)
    warn_at = after(at, warn_left, clock.continuous, calendar) if warn_left > timedelta(0) else clock.warn_at
    return changed(
        clock,
        limit=whole,
        generation=clock.generation + 1,
        warn_at=warn_at,
        due_at=due_at,
        warned=clock.warned and warn_left <= timedelta(0),
        overdue=clock.overdue and due_at <= at,
    )
