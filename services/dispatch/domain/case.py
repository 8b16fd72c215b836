"""The case 案卷: what is known of one, who acts on it, and the facts that acts leave behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.dispatch.domain.clocks import Stage, StageClock
from services.dispatch.domain.matters import NOTHING_OPEN, Matters
from services.dispatch.domain.worktime import Limit
from shared.kernel.area import AreaPath

_ROOT = AreaPath.root()


class Status(StrEnum):
    REPORTED = "reported"
    VERIFYING = "verifying"
    ACCEPTED = "accepted"
    FILED = "filed"
    DISPATCHED = "dispatched"
    HANDLING = "handling"
    HANDLED = "handled"
    CHECKING = "checking"
    CHECKED = "checked"
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    CLOSED = "closed"
    VOIDED = "voided"

    @property
    def terminal(self) -> bool:
        return self in (Status.REJECTED, Status.CLOSED, Status.VOIDED)


class Centre(StrEnum):
    SUPERVISION = "supervision"
    ON_SITE = "on_site"
    COMMAND = "command"
    UNIT = "unit"
    SYSTEM = "system"


class Priority(StrEnum):
    """紧急程度: many who report the same matter make it more urgent."""

    NORMAL = "normal"
    RAISED = "raised"
    HIGH = "high"


# Ours: three households agree that something is wrong; ten are a street.
_REPORTS_OF: Final = {Priority.HIGH: 10, Priority.RAISED: 3}


class Post(StrEnum):
    ACCEPTOR = "acceptor"
    SHIFT_LEADER = "shift_leader"
    SUPERVISOR = "supervisor"
    GRID_WORKER = "grid_worker"
    GRID_LEADER = "grid_leader"
    DISPATCHER = "dispatcher"
    COMMAND_LEADER = "command_leader"
    UNIT_CLERK = "unit_clerk"
    SYSTEM = "system"


class Act(StrEnum):
    OPEN = "open"
    ACCEPT = "accept"
    AUTO_ACCEPT = "auto_accept"
    DECLINE = "decline"
    REQUEST_VERIFICATION = "request_verification"
    ANSWER_VERIFICATION = "answer_verification"
    FILE = "file"
    AUTO_FILE = "auto_file"
    REFUSE_FILING = "refuse_filing"
    DISPATCH = "dispatch"
    AUTO_DISPATCH = "auto_dispatch"
    TAKE = "take"
    REPORT_HANDLED = "report_handled"
    REQUEST_CHECK = "request_check"
    ANSWER_CHECK = "answer_check"
    ORDER_REWORK = "order_rework"
    CLOSE = "close"
    SEND_BACK = "send_back"
    RECALL = "recall"
    PASS_ON = "pass_on"
    REQUEST_RETURN = "request_return"
    REQUEST_EXTENSION = "request_extension"
    REQUEST_SUSPENSION = "request_suspension"
    WITHDRAW_REQUEST = "withdraw_request"
    APPROVE_RETURN = "approve_return"
    REFUSE_RETURN = "refuse_return"
    APPROVE_EXTENSION = "approve_extension"
    REFUSE_EXTENSION = "refuse_extension"
    APPROVE_SUSPENSION = "approve_suspension"
    REFUSE_SUSPENSION = "refuse_suspension"
    RESUME = "resume"
    RESUME_ON_DATE = "resume_on_date"
    URGE = "urge"
    REPLY_URGING = "reply_urging"
    COORDINATE = "coordinate"
    REPORT_PART = "report_part"
    SUMMON = "summon"
    ANSWER_SUMMONS = "answer_summons"
    ESCALATE = "escalate"
    SELF_HANDLE = "self_handle"
    SPOT_CHECK = "spot_check"
    CORRECT = "correct"
    MERGE = "merge"
    ABSORB = "absorb"
    ADD_REPORT = "add_report"
    REMOVE_REPORT = "remove_report"
    VOID = "void"
    FORCE_CLOSE = "force_close"
    REOPEN = "reopen"
    APPEAL = "appeal"
    REVIEW_APPEAL = "review_appeal"
    DECIDE_APPEAL = "decide_appeal"
    MARK_WARNED = "mark_warned"
    MARK_OVERDUE = "mark_overdue"
    MARK_UNANSWERED = "mark_unanswered"
    REASSIGN_TASK = "reassign_task"
    AUTO_ESCALATE = "auto_escalate"
    RECOMPUTE = "recompute"
    IMPORT = "import"
    WITHDRAW = "withdraw"
    NOTE_WITHDRAWAL = "note_withdrawal"
    NOTE_ADDITION = "note_addition"


@dataclass(frozen=True, slots=True)
class Place:
    """A point in WGS 84 degrees."""

    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `centre` and `post` are plain words of a token: one that we do not know may simply do nothing. `area`
    is the part of the city that the post answers for.
    """

    subject: str
    centre: str | None
    post: str | None
    unit: str | None = None
    area: AreaPath = _ROOT


SYSTEM = Actor("system", Centre.SYSTEM, Post.SYSTEM)


class Fact(NamedTuple):
    """One thing that happened to a case. `version` counts them from 1.

    `condition`, `unit`, `due_at` and `overdue` are the case's own after it; `clock` counts the clock that the act
    stopped, paused or marked; `details` are what only this kind of fact has; `moved_from` is the area that the case
    left with it. A tuple, for bulk opening: a frozen dataclass of as many fields takes eight times as long to make.
    """

    version: int
    revision: int
    act: Act
    at: datetime
    actor: Actor
    from_status: Status | None
    status: Status
    opinion: str | None = None
    evidence: tuple[UUID, ...] = ()
    condition: str | None = None
    unit: str | None = None
    due_at: datetime | None = None
    overdue: bool = False
    clock: Mapping[str, object] | None = None
    details: Mapping[str, Any] = MappingProxyType({})
    moved_from: AreaPath | None = None


@dataclass(frozen=True)
class Case:
    """A case as it stands after `version` facts.

    `revision` rises only when an act changed what may be done, so that a yellow mark costs nobody a stale If-Match.
    `born_in` is the area it was opened in, which keeps its facts in one partition wherever it moves. `limit` is the
    handling limit, fixed at filing, and `due_at` the handling deadline, once dispatched; `overdue` says that it passed
    while the unit had the case; `ended_at` is when it came to its end. `handlers` are the subjects who handled it: none
    of them may check it. `task_id` and `assignee` belong to the open verification or check. `history` names the old
    system that closed it. `clocks` are all that ever ran; `matters` what is open beside the status; `facts` those not
    saved yet; `head` is the audit mac of the last that was.
    """

    id: UUID
    number: str
    status: Status
    version: int
    revision: int
    area: AreaPath
    born_in: AreaPath
    place: Place
    category: str
    description: str
    source: str
    opened_at: datetime
    reports: tuple[UUID, ...]
    occurred_at: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    media: tuple[UUID, ...] = ()
    condition: str | None = None
    limit: Limit | None = None
    unit: str | None = None
    assisting: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ()
    task_id: UUID | None = None
    assignee: str | None = None
    result: str | None = None
    verified: str | None = None
    passed: bool | None = None
    due_at: datetime | None = None
    overdue: bool = False
    ended_at: datetime | None = None
    history: str | None = None
    clocks: tuple[StageClock, ...] = ()
    matters: Matters = NOTHING_OPEN
    facts: tuple[Fact, ...] = ()
    head: bytes | None = None

    @property
    def report_id(self) -> UUID:
        """The key by which a report that comes again is known. A reopened case comes from no report of its own."""
        return self.id if self.matters.reopened_from or not self.reports else self.reports[0]

    @property
    def running(self) -> StageClock | None:
        """The clock that runs now: never more than one."""
        return next((clock for clock in self.clocks if clock.running), None)

    @property
    def handling_clock(self) -> StageClock | None:
        """The clock of the handling stage, once it was dispatched."""
        return next((clock for clock in self.clocks if clock.stage is Stage.HANDLE), None)

    @property
    def level(self) -> int:
        """The level that answers for it, as a number of area segments: its grid's until it climbs."""
        return self.area.level if self.matters.level is None else self.matters.level

    @property
    def priority(self) -> Priority:
        """How urgent it is by the number of its reports."""
        return next((p for p, least in _REPORTS_OF.items() if len(self.reports) >= least), Priority.NORMAL)

    def shown_to(self, actor: Actor) -> bool:
        """A unit's clerk sees the cases that the unit has a part in."""
        return actor.post != Post.UNIT_CLERK or actor.unit in (self.unit, *self.assisting)
