"""A case 案卷 that another system closed: what is told of it, what must hold of it, and what follows from it.

It was never ours to act on, so it is not led through the act table: it is taken as it stands, with its real times. What
the old system does not say and our rules can tell (the deadline, whether a step was in time) is worked out here.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from services.dispatch.domain.case import Act, Place, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Limit, after, due, used
from shared.kernel.area import AreaPath

# In the order in which they happen; the last one is the end, whatever it was.
STEPS = (
    "reported",
    "verification_requested",
    "verified",
    "accepted",
    "filed",
    "dispatched",
    "handled",
    "check_requested",
    "checked",
    "closed",
)
REPORTED, SENT, VERIFIED, ACCEPTED, FILED, DISPATCHED, HANDLED, CHECK_SENT, CHECKED, CLOSED = range(len(STEPS))
# The act that each step was; that of the end is said by the outcome.
ACTS = (
    Act.OPEN.value,
    Act.REQUEST_VERIFICATION.value,
    Act.ANSWER_VERIFICATION.value,
    Act.ACCEPT.value,
    Act.FILE.value,
    Act.DISPATCH.value,
    Act.REPORT_HANDLED.value,
    Act.REQUEST_CHECK.value,
    Act.ANSWER_CHECK.value,
    Act.CLOSE.value,
)
OUTCOMES = (Status.CLOSED.value, Status.REJECTED.value, Status.VOIDED.value)
# Steps that a clock of ours measures, and of which it may therefore be said whether they were in time.
TIMED = (VERIFIED, ACCEPTED, FILED, DISPATCHED, HANDLED, CHECKED)
_SECOND = timedelta(seconds=1)
_NAMESPACE = uuid5(NAMESPACE_URL, "wangge:history")


class Told(NamedTuple):
    """A case as the old system tells it, its codes known. `times`, `by`, `posts` and `on_time` go by `STEPS`.

    `rework`, `suspended` and `evidence_refused` are how often; `due_at` is the old system's own deadline of handling.
    """

    system: str
    number: str
    outcome: str
    category: str
    condition: str | None
    description: str
    source: str
    area: AreaPath
    place: Place
    unit: str | None
    first_unit: str | None
    limit: Limit | None
    due_at: datetime | None
    times: tuple[datetime | None, ...]
    by: tuple[str | None, ...]
    posts: tuple[str | None, ...]
    on_time: tuple[bool | None, ...]
    rework: int = 0
    suspended: int = 0
    evidence_refused: int = 0

    @property
    def paused(self) -> bool:
        """The handling clock stood for some time between dispatch and the last disposal."""
        return bool(self.rework or self.suspended or self.evidence_refused)

    @property
    def returned(self) -> bool:
        """Another unit had it before."""
        return self.first_unit is not None and self.first_unit != self.unit


class Step(NamedTuple):
    """One step of a case. `on_time`: None where no clock of ours measures it."""

    act: str
    at: datetime
    by: str | None
    post: str | None
    on_time: bool | None


class Imported(NamedTuple):
    """A case as it is taken in. `report_id` stands for the report that we never had: the same for the same system and
    number, which makes a second import of it none. `used_s` and `limit_s` are the handling clock's, where known.
    """

    id: UUID
    report_id: UUID
    number: str
    told: Told
    steps: tuple[Step, ...]
    limit: Limit | None
    due_at: datetime | None
    overdue: bool
    limit_s: int | None
    used_s: int | None

    @property
    def opened_at(self) -> datetime:
        return self.steps[0].at

    @property
    def ended_at(self) -> datetime:
        return self.steps[-1].at

    @property
    def clock(self) -> dict[str, object] | None:
        """The handling clock as facts tell it."""
        if self.limit_s is None or self.used_s is None:
            return None
        return {"stage": Stage.HANDLE, "limit_s": self.limit_s, "used_s": self.used_s}


def ids_of(system: str, number: str, reported_at: datetime) -> tuple[UUID, UUID]:
    """The ids of case and report: the case's is a UUIDv7 of the instant it was reported, so that lists which are
    newest first show it where it belongs; both are always the same for the same case.
    """
    report_id = uuid5(_NAMESPACE, f"{system}/{number}")
    chance, milliseconds = report_id.int, int(reported_at.timestamp() * 1000)
    case = milliseconds << 80 | 7 << 76 | (chance >> 100 & 0xFFF) << 64 | 2 << 62 | chance & (1 << 62) - 1
    return UUID(int=case), report_id


def limit_of(told: Told, rules: Rules) -> Limit | None:
    """The handling limit: as told, or that of the filing condition."""
    return told.limit or rules.handling.get((told.category, told.condition or ""))


def taken_in(told: Told, rules: Rules) -> Imported:
    """The case with its deadline, and for each step whether it was in time: as said, or else by the rules."""
    times = told.times
    reported, ended = times[REPORTED], times[CLOSED]
    assert reported is not None, "history_checks says so"
    assert ended is not None, "history_checks says so"
    case_id, report_id = ids_of(told.system, told.number, reported)
    limit = limit_of(told, rules)
    sent, handled = times[DISPATCHED], times[HANDLED]
    due_at = told.due_at or (due(sent, limit, rules.calendar) if sent and limit else None)
    in_time = _in_time(told, due_at, rules)
    steps = []
    for n, at in enumerate(times):
        if at is not None:
            act = ACTS[n] if n < CLOSED else _end_of(told)
            steps.append(Step(act, at, told.by[n], told.posts[n], in_time[n]))
    limit_s = used_s = None
    # A clock that stood for a time nobody knows has measured nothing.
    if limit and sent and handled and not (told.paused or told.returned):
        limit_s = limit.span(rules.calendar) // _SECOND
        used_s = used(sent, handled, limit.unit.continuous, rules.calendar) // _SECOND
    return Imported(
        case_id,
        report_id,
        f"{told.system}/{told.number}",
        told,
        tuple(steps),
        limit if sent else None,
        due_at if sent else None,
        in_time[HANDLED] is False,
        limit_s,
        used_s,
    )


def _end_of(told: Told) -> str:
    if told.outcome == Status.CLOSED:
        return Act.CLOSE.value
    if told.outcome == Status.VOIDED:
        return "void"
    return Act.DECLINE.value if told.times[ACCEPTED] is None else Act.REFUSE_FILING.value


def _in_time(told: Told, due_at: datetime | None, rules: Rules) -> list[bool | None]:
    """By step. Where the acceptance is not told, filing has the limits of both stages, from the report on."""
    times, stages, calendar = told.times, rules.stages, rules.calendar
    found: list[bool | None] = list(told.on_time)
    reported, sent, verified, accepted = times[REPORTED], times[SENT], times[VERIFIED], times[ACCEPTED]
    assert reported is not None

    def within(stage: Stage, start: datetime | None, end: datetime | None) -> bool | None:
        limit = stages.get(stage)
        return None if limit is None or start is None or end is None else due(start, limit, calendar) >= end

    if found[ACCEPTED] is None and accepted is not None and (limit := stages.get(Stage.ACCEPT)):
        spent = used(reported, sent or accepted, limit.unit.continuous, calendar)
        if verified is not None:  # the clock stood while the case was being verified
            spent += used(verified, accepted, limit.unit.continuous, calendar)
        found[ACCEPTED] = spent <= limit.span(calendar)
    if found[VERIFIED] is None:
        found[VERIFIED] = within(Stage.VERIFY, sent, verified)
    if found[FILED] is None and times[FILED] is not None:
        start = accepted
        if start is None and (limit := stages.get(Stage.ACCEPT)):
            start = after(verified or reported, limit.span(calendar), limit.unit.continuous, calendar)
        found[FILED] = within(Stage.FILE, start or reported, times[FILED])
    if found[DISPATCHED] is None:
        found[DISPATCHED] = within(Stage.DISPATCH, times[FILED], times[DISPATCHED])
    handled = times[HANDLED]
    if found[HANDLED] is None and handled is not None and due_at is not None:
        found[HANDLED] = handled <= due_at
    if found[CHECKED] is None:
        found[CHECKED] = within(Stage.CHECK, times[CHECK_SENT], times[CHECKED])
    return [found[n] if n in TIMED and times[n] is not None else None for n in range(len(STEPS))]
