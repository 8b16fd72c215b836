"""Facts that dispatch publishes: everything that happens to a case 案卷."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import Fact, Point
from shared.contracts.topics import CASES


class ClockState(BaseModel):
    """A clock as it stood at the fact: working seconds of the stage's limit, and how many were used."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    stage: str
    limit_s: int
    used_s: int


class CaseFact(Fact):
    """What every fact of a case carries; each of the types below adds its own.

    `version` counts the facts of a case from 1 without a gap and is the event's sequence. `revision` rises only when
    an act changed what may be done next. `from_status` is None for the first fact; `status` is the one after it.
    `unit`, `condition`, `due_at`, `overdue` and `clock` are the case's own after the fact. `clock` is the clock that
    the act stopped, paused or marked.
    """

    TOPIC: ClassVar[str] = CASES.name

    case_id: UUID
    number: str
    version: int
    revision: int
    act: str
    at: datetime
    actor: str
    centre: str | None = None
    post: str | None = None
    from_status: str | None = None
    status: str
    routing_key: str
    category: str
    condition: str | None = None
    unit: str | None = None
    due_at: datetime | None = None
    overdue: bool = False
    reports: list[UUID] = Field(default_factory=list)
    opinion: str | None = None
    evidence: list[UUID] = Field(default_factory=list)
    clock: ClockState | None = None


class CaseOpened(CaseFact):
    """A report became a case."""

    TYPE: ClassVar[str] = "case.opened.v1"

    source: str
    description: str
    location: Point
    opened_at: datetime
    occurred_at: datetime | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)
    media: list[UUID] = Field(default_factory=list)


class CaseAccepted(CaseFact):
    """受理"""

    TYPE: ClassVar[str] = "case.accepted.v1"


class CaseDeclined(CaseFact):
    """不予受理. Terminal."""

    TYPE: ClassVar[str] = "case.declined.v1"


class CaseVerificationRequested(CaseFact):
    """发核实"""

    TYPE: ClassVar[str] = "case.verification_requested.v1"

    assignee: str | None = None


class CaseVerified(CaseFact):
    """核实: `outcome` is true, false or not_found."""

    TYPE: ClassVar[str] = "case.verified.v1"

    outcome: str
    location: Point | None = None
    answered_at: datetime | None = None


class CaseFiled(CaseFact):
    """立案: the filing condition is chosen and with it the limit; `limit_s` is in working or running seconds."""

    TYPE: ClassVar[str] = "case.filed.v1"

    limit_amount: int
    limit_unit: str
    limit_s: int


class CaseFilingRefused(CaseFact):
    """不予立案. Terminal."""

    TYPE: ClassVar[str] = "case.filing_refused.v1"


class CaseDispatched(CaseFact):
    """派遣: one lead unit; the handling clock starts. `rule` names what decided, None when a person did."""

    TYPE: ClassVar[str] = "case.dispatched.v1"

    assisting: list[str] = Field(default_factory=list)
    rule: str | None = None


class CaseTaken(CaseFact):
    """The unit began to handle 接单."""

    TYPE: ClassVar[str] = "case.taken.v1"


class CaseHandled(CaseFact):
    """处置完成: the handling clock stops here; on time means stopped not after `due_at`."""

    TYPE: ClassVar[str] = "case.handled.v1"

    result: str
    on_time: bool


class CaseCheckRequested(CaseFact):
    """发核查"""

    TYPE: ClassVar[str] = "case.check_requested.v1"

    assignee: str | None = None


class CaseChecked(CaseFact):
    """核查"""

    TYPE: ClassVar[str] = "case.checked.v1"

    passed: bool
    location: Point | None = None
    answered_at: datetime | None = None


class CaseReworkOrdered(CaseFact):
    """返工: back to the same unit, the old clock goes on. `after_check` tells a failed check from refused evidence."""

    TYPE: ClassVar[str] = "case.rework_ordered.v1"

    after_check: bool


class CaseClosed(CaseFact):
    """结案. Terminal."""

    TYPE: ClassVar[str] = "case.closed.v1"


class CaseWarned(CaseFact):
    """A stage's clock reached 80 % of its limit 预警."""

    TYPE: ClassVar[str] = "case.warned.v1"

    stage: str


class CaseOverdue(CaseFact):
    """A stage's clock reached its limit 超期."""

    TYPE: ClassVar[str] = "case.overdue.v1"

    stage: str


class ToldStep(BaseModel):
    """A step of a case in an old system. `act` is the name that ours has; `on_time` None where no clock measures it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    act: str
    at: datetime
    actor: str | None = None
    post: str | None = None
    on_time: bool | None = None


class Told(BaseModel):
    """What an old system told of a case. The counts are how often; `first_unit` is who had it first, where said."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    system: str
    old_number: str
    steps: list[ToldStep]
    first_unit: str | None = None
    rework: int = 0
    suspended: int = 0
    evidence_refused: int = 0


class CaseImported(CaseFact):
    """历史案卷导入: a case that another system closed, all of it in this one fact, with its real times.

    `history` is true in no other fact. `at` is when the case ended there, `status` how: closed, rejected or voided.
    `reports` is empty: no report of ours led to it. A case that is reopened or appealed goes on from version 2.
    """

    TYPE: ClassVar[str] = "case.imported.v1"

    history: bool = True
    source: str
    description: str
    location: Point
    opened_at: datetime
    told: Told


FACTS: tuple[type[CaseFact], ...] = (
    CaseOpened,
    CaseAccepted,
    CaseDeclined,
    CaseVerificationRequested,
    CaseVerified,
    CaseFiled,
    CaseFilingRefused,
    CaseDispatched,
    CaseTaken,
    CaseHandled,
    CaseCheckRequested,
    CaseChecked,
    CaseReworkOrdered,
    CaseClosed,
    CaseWarned,
    CaseOverdue,
    CaseImported,
)
