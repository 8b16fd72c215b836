"""A case 案卷 that another system closed: what is told of it, what must hold of it, and what follows from it.

It was never ours to act on, so it is not led through the act table: it is taken as it stands, with its real times. What
the old system does not say and our rules can tell (the deadline, whether a step was in time) is worked out here.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from services.dispatch.domain.case import Act, Place, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Limit, after, used
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
_DECLINED, _FILING_REFUSED = Act.DECLINE.value, Act.REFUSE_FILING.value
# Plain texts: to read a member's value takes a microsecond, and there are a million cases of ten steps.
OUTCOMES = (Status.CLOSED.value, Status.REJECTED.value, Status.VOIDED.value)
# Steps that a clock of ours measures, and of which it may therefore be said whether they were in time.
TIMED = (VERIFIED, ACCEPTED, FILED, DISPATCHED, HANDLED, CHECKED)
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HANDLE = Stage.HANDLE.value
_LOW_80 = (1 << 80) - 1


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
        return {"stage": _HANDLE, "limit_s": self.limit_s, "used_s": self.used_s}


def ids_of(system: str, number: str, reported_at: datetime) -> tuple[UUID, UUID]:
    """The ids of case and report: the case's is a UUIDv7 of the instant it was reported, so that lists which are
    newest first show it where it belongs; both are always the same for the same case.
    """
    digest = int.from_bytes(sha256(f"wangge history {system}/{number}".encode()).digest()[:16])
    milliseconds = (reported_at - _EPOCH) // _MILLISECOND
    return UUID(int=_bits(milliseconds << 80 | digest & _LOW_80, 7)), UUID(int=_bits(digest, 8))


def _bits(number: int, version: int) -> int:
    """128 bits as a UUID of that version (RFC 9562: 7 begins with milliseconds, 8 is one's own)."""
    return number & ~(0xF << 76 | 0b11 << 62) | version << 76 | 0b10 << 62


def limit_of(told: Told, rules: Rules) -> Limit | None:
    """The handling limit: as told, or that of the filing condition."""
    return told.limit or rules.handling.get((told.category, told.condition or ""))


class _Allowed(NamedTuple):
    """A stage's limit."""

    span: timedelta
    continuous: bool


class Judge:
    """Takes cases in by one city's rules. The limits of the stages are looked up once, for a million cases ask them."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._calendar = rules.calendar
        limits = {
            stage: _Allowed(limit.span(rules.calendar), limit.unit.continuous) for stage, limit in rules.stages.items()
        }
        self._accept, self._verify = limits.get(Stage.ACCEPT), limits.get(Stage.VERIFY)
        self._file, self._dispatch = limits.get(Stage.FILE), limits.get(Stage.DISPATCH)
        self._check = limits.get(Stage.CHECK)
        self._accept_and_file = None
        if self._accept and self._file:
            both = self._accept.continuous and self._file.continuous
            self._accept_and_file = _Allowed(self._accept.span + self._file.span, both)

    def taken_in(self, told: Told) -> Imported:
        """The case with its deadline, and for each step whether it was in time: as said, or else by the rules."""
        times = told.times
        case_id, report_id = ids_of(told.system, told.number, times[REPORTED])  # type: ignore[arg-type]  # it has one
        sent, handled, due_at = times[DISPATCHED], times[HANDLED], told.due_at
        limit = limit_s = used_s = None
        if sent is not None and (limit := limit_of(told, self._rules)) is not None:
            span, continuous = limit.span(self._calendar), limit.unit.continuous
            if due_at is None:
                due_at = after(sent, span, continuous, self._calendar)
            # A clock that stood for a time nobody knows has measured nothing.
            if handled is not None and not (told.paused or told.returned):
                limit_s = span // _SECOND
                used_s = used(sent, handled, continuous, self._calendar) // _SECOND
        in_time = self._in_time(told, due_at)
        by, posts, end = told.by, told.posts, _end_of(told)
        steps = tuple(
            [
                Step(ACTS[n] if n < CLOSED else end, at, by[n], posts[n], in_time[n])
                for n, at in enumerate(times)
                if at is not None
            ]
        )
        number, overdue = f"{told.system}/{told.number}", in_time[HANDLED] is False
        return Imported(case_id, report_id, number, told, steps, limit, due_at, overdue, limit_s, used_s)

    def _in_time(self, told: Told, due_at: datetime | None) -> list[bool | None]:
        """By step, as evaluation judges a clock: whole seconds used against those of the limit."""
        reported, sent, verified, accepted, filed, dispatched, handled, check_sent, checked, _ = told.times
        found = list(told.on_time)
        if accepted and found[ACCEPTED] is None:
            # The clock stood while the case was being verified.
            stretches = ((reported, sent), (verified, accepted)) if sent and verified else ((reported, accepted),)
            found[ACCEPTED] = self._within(self._accept, *stretches)
        if verified and found[VERIFIED] is None:
            found[VERIFIED] = self._within(self._verify, (sent, verified))
        if filed and found[FILED] is None:
            # Where the acceptance is not told, filing has the limits of both.
            allowed = self._file if accepted else self._accept_and_file
            found[FILED] = self._within(allowed, (accepted or verified or reported, filed))
        if dispatched and found[DISPATCHED] is None:
            found[DISPATCHED] = self._within(self._dispatch, (filed, dispatched))
        if handled and found[HANDLED] is None and due_at:
            found[HANDLED] = handled <= due_at
        if checked and found[CHECKED] is None:
            found[CHECKED] = self._within(self._check, (check_sent, checked))
        return found

    def _within(self, allowed: _Allowed | None, *stretches: tuple[datetime | None, datetime | None]) -> bool | None:
        """Whether the stretches of time fit into a limit; None where there is none."""
        if allowed is None:
            return None
        spent = -_SECOND
        for start, end in stretches:
            if start and end:
                spent += end - start if allowed.continuous else used(start, end, False, self._calendar)
        return spent < allowed.span


def _end_of(told: Told) -> str:
    if told.outcome == OUTCOMES[0]:
        return ACTS[CLOSED]
    if told.outcome == OUTCOMES[2]:
        return "void"
    return _DECLINED if told.times[ACCEPTED] is None else _FILING_REFUSED
