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
    """A report became a case, or a closed case was reopened as this one. `apart_from` is the report that it was merged
    into, of one that has a case of its own all the same: a desk said so, or the other's case had ended.
    """

    TYPE: ClassVar[str] = "case.opened.v1"

    source: str
    description: str
    location: Point
    opened_at: datetime
    occurred_at: datetime | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)
    media: list[UUID] = Field(default_factory=list)
    reopened_from: UUID | None = None
    apart_from: UUID | None = None


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
    assigned_by: str | None = None
    task: UUID | None = None


class CaseVerified(CaseFact):
    """核实: `outcome` is true, false or not_found."""

    TYPE: ClassVar[str] = "case.verified.v1"

    outcome: str
    location: Point | None = None
    answered_at: datetime | None = None


class CaseFiled(CaseFact):
    """立案: the filing condition is chosen and with it the limit; `limit_s` is in working or running seconds.

    `rule` of `rule_version` is the routing rule by which the system filed, or that gave the limit in place of the
    catalogue's.
    """

    TYPE: ClassVar[str] = "case.filed.v1"

    limit_amount: int
    limit_unit: str
    limit_s: int
    rule: str | None = None
    rule_version: int | None = None


class CaseFilingRefused(CaseFact):
    """不予立案. Terminal."""

    TYPE: ClassVar[str] = "case.filing_refused.v1"


class CaseDispatched(CaseFact):
    """派遣: one lead unit; the handling clock starts. `rule` names what decided, None when a person did.

    `rule_version` is that of the routing rules then in force. What those would have said to the person who decided is
    `suggested_unit`, by `suggested_rule`; the suggestion was followed if it is `unit`.
    """

    TYPE: ClassVar[str] = "case.dispatched.v1"

    assisting: list[str] = Field(default_factory=list)
    rule: str | None = None
    rule_version: int | None = None
    suggested_unit: str | None = None
    suggested_rule: str | None = None


class CaseTaken(CaseFact):
    """The unit began to handle 接单."""

    TYPE: ClassVar[str] = "case.taken.v1"


class CaseHandled(CaseFact):
    """处置完成: the handling clock stops here; on time means stopped not after `due_at`."""

    TYPE: ClassVar[str] = "case.handled.v1"

    result: str
    on_time: bool
    parts_open: list[str] = Field(default_factory=list)


class CaseCheckRequested(CaseFact):
    """发核查"""

    TYPE: ClassVar[str] = "case.check_requested.v1"

    assignee: str | None = None
    assigned_by: str | None = None
    task: UUID | None = None


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
    """结案. Terminal. `forced`: by the supervision centre without a passed check 强制结案."""

    TYPE: ClassVar[str] = "case.closed.v1"

    forced: bool = False


class CaseWarned(CaseFact):
    """A stage's clock reached 80 % of its limit 预警."""

    TYPE: ClassVar[str] = "case.warned.v1"

    stage: str


class CaseOverdue(CaseFact):
    """A stage's clock reached its limit 超期."""

    TYPE: ClassVar[str] = "case.overdue.v1"

    stage: str


class CaseSentBack(CaseFact):
    """退回: back to the stage before, by the centre that was to go on with it."""

    TYPE: ClassVar[str] = "case.sent_back.v1"


class CaseRecalled(CaseFact):
    """收回: command took the case back from a unit that had not begun, or that is no more."""

    TYPE: ClassVar[str] = "case.recalled.v1"

    recalled_from: str | None = None


class CasePassedOn(CaseFact):
    """双向派单: a unit sent it on to its partner; the handling clock runs on."""

    TYPE: ClassVar[str] = "case.passed_on.v1"

    passed_on_by: str | None = None


class CaseReturnRequested(CaseFact):
    """申请退单"""

    TYPE: ClassVar[str] = "case.return_requested.v1"

    reason: str


class CaseReturned(CaseFact):
    """同意退单: back to command, the handling clock pauses. `our_error`: command had dispatched it wrongly."""

    TYPE: ClassVar[str] = "case.returned.v1"

    returned_by: str | None = None
    our_error: bool = False
    reason: str | None = None


class CaseReturnRefused(CaseFact):
    """不同意退单"""

    TYPE: ClassVar[str] = "case.return_refused.v1"

    asked_by: str | None = None


class CaseExtensionRequested(CaseFact):
    """申请延期"""

    TYPE: ClassVar[str] = "case.extension_requested.v1"

    reason: str


class CaseExtended(CaseFact):
    """同意延期: the deadline moved by one original limit. `extensions` counts how many were approved."""

    TYPE: ClassVar[str] = "case.extended.v1"

    due_before: datetime
    extensions: int


class CaseExtensionRefused(CaseFact):
    """不同意延期"""

    TYPE: ClassVar[str] = "case.extension_refused.v1"

    asked_by: str | None = None


class CaseSuspensionRequested(CaseFact):
    """申请挂账"""

    TYPE: ClassVar[str] = "case.suspension_requested.v1"

    reason: str
    until: datetime


class CaseSuspended(CaseFact):
    """同意挂账: the handling clock stands until the day named."""

    TYPE: ClassVar[str] = "case.suspended.v1"

    until: datetime


class CaseSuspensionRefused(CaseFact):
    """不同意挂账"""

    TYPE: ClassVar[str] = "case.suspension_refused.v1"

    asked_by: str | None = None


class CaseRequestWithdrawn(CaseFact):
    """撤回申请: `request` is return, extension or suspension."""

    TYPE: ClassVar[str] = "case.request_withdrawn.v1"

    request: str


class CaseResumed(CaseFact):
    """恢复处置: by command, or by itself on the day named (`by_date`)."""

    TYPE: ClassVar[str] = "case.resumed.v1"

    by_date: bool = False


class CaseUrged(CaseFact):
    """督办: number `urging` of the case; the unit is to reply by `reply_due_at`."""

    TYPE: ClassVar[str] = "case.urged.v1"

    urging: int
    reply_due_at: datetime


class CaseUrgingReplied(CaseFact):
    """督办回复"""

    TYPE: ClassVar[str] = "case.urging_replied.v1"

    urging: int
    in_time: bool


class PartAsked(BaseModel):
    """What one unit was asked to do, and by when."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    unit: str
    task: str | None = None
    due_at: datetime | None = None


class CaseCoordinated(CaseFact):
    """协调: other units assist the lead unit, each with a task of its own; `meeting_at`: they meet 联席会议."""

    TYPE: ClassVar[str] = "case.coordinated.v1"

    lead: str | None = None
    parts: list[PartAsked] = Field(default_factory=list)
    meeting_at: datetime | None = None


class CasePartReported(CaseFact):
    """协办完成: an assisting unit did its part."""

    TYPE: ClassVar[str] = "case.part_reported.v1"

    part_unit: str
    in_time: bool
    result: str


class CaseSummoned(CaseFact):
    """吹哨: a street calls units to the spot."""

    TYPE: ClassVar[str] = "case.summoned.v1"

    parts: list[PartAsked]


class CaseSummonsAnswered(CaseFact):
    """报到: a unit that was called reports."""

    TYPE: ClassVar[str] = "case.summons_answered.v1"

    part_unit: str
    in_time: bool


class CaseUnanswered(CaseFact):
    """逾期未回复: the limit of an urging, a part or a summons ran out. `what` is its key, `who` the unit."""

    TYPE: ClassVar[str] = "case.unanswered.v1"

    what: str
    who: str


class CaseTaskReassigned(CaseFact):
    """改派任务: a verification or check that was not answered in time went to the next person of the roster."""

    TYPE: ClassVar[str] = "case.task_reassigned.v1"

    task: UUID
    task_before: UUID | None = None
    assignee: str
    assignee_before: str | None = None
    assigned_by: str | None = None


class CaseSelfHandled(CaseFact):
    """自处理: seen, put right and closed on the spot. Terminal, and counted apart."""

    TYPE: ClassVar[str] = "case.self_handled.v1"

    result: str
    location: Point | None = None


class CaseSpotChecked(CaseFact):
    """抽查: what was handled on the spot was looked at again."""

    TYPE: ClassVar[str] = "case.spot_checked.v1"

    passed: bool
    location: Point | None = None


class CaseCorrected(CaseFact):
    """更正: category, place or area put right. The event's `ce_routingkeyfrom` is the area it left, if it moved."""

    TYPE: ClassVar[str] = "case.corrected.v1"

    category_before: str | None = None
    location: Point | None = None
    location_before: Point | None = None
    routing_key_before: str | None = None


class CaseMerged(CaseFact):
    """并案: the same matter as another case, which took its reports over. Terminal."""

    TYPE: ClassVar[str] = "case.merged.v1"

    merged_into: UUID
    merged_into_number: str


class CaseAbsorbed(CaseFact):
    """并入: took over the reports of another case. `reports` are all of them now."""

    TYPE: ClassVar[str] = "case.absorbed.v1"

    absorbed: UUID
    absorbed_number: str
    new_reports: list[UUID] = Field(default_factory=list)


class CaseReportAdded(CaseFact):
    """并入重复上报: intake found more reports of the same matter. `reports` are all of them now."""

    TYPE: ClassVar[str] = "case.report_added.v1"

    new_reports: list[UUID]


class CaseReportRemoved(CaseFact):
    """移出上报: a desk found that they tell of another matter; each has a case of its own. `reports` are those left."""

    TYPE: ClassVar[str] = "case.report_removed.v1"

    removed_reports: list[UUID]


class CaseVoided(CaseFact):
    """作废: duplicate or mistaken; the opinion is the reason. Terminal. `withdrawn` is the report whose sender took it
    back 撤回 before anybody acted on it: then no person voided the case.
    """

    TYPE: ClassVar[str] = "case.voided.v1"

    withdrawn: UUID | None = None


class CaseNoted(CaseFact):
    """记录: whoever sent `report_id` said more, by `act`: `note_withdrawal`, took it back, for the reason in `opinion`;
    `note_addition`, added the text in `opinion` and the media in `evidence`. Status and revision stay.
    """

    TYPE: ClassVar[str] = "case.noted.v1"

    report_id: UUID


class CaseReopened(CaseFact):
    """重开: a new case goes on with the matter; this one stays closed."""

    TYPE: ClassVar[str] = "case.reopened.v1"

    reopened_as: UUID


class CaseAppealed(CaseFact):
    """申诉: the unit says why its overdue mark should not count."""

    TYPE: ClassVar[str] = "case.appealed.v1"

    reason: str


class CaseAppealReviewed(CaseFact):
    """申诉初审, by command."""

    TYPE: ClassVar[str] = "case.appeal_reviewed.v1"

    recommended: bool


class CaseAppealDecided(CaseFact):
    """申诉终审, by supervision. Approved, the case counts as on time; its overdue mark stays."""

    TYPE: ClassVar[str] = "case.appeal_decided.v1"

    approved: bool
    recommended: bool | None = None


class CaseEscalated(CaseFact):
    """升级: a clock came to a step beyond yellow and red, or somebody raised the case.

    Of a step: `share` of the limit (2.0), its name `step` (at_200), what is done `do` (notify, urge, raise), and the
    posts that it concerns, `to`. `level` is the level that answers for the case from now on, counted in area segments:
    the fewer, the higher. A step that urges makes urging number `urging`, to be replied to by `reply_due_at`.
    """

    TYPE: ClassVar[str] = "case.escalated.v1"

    stage: str | None = None
    step: str | None = None
    share: float | None = None
    do: str | None = None
    to: list[str] = Field(default_factory=list)
    level: int | None = None
    urging: int | None = None
    reply_due_at: datetime | None = None


class CaseRecomputed(CaseFact):
    """重算时限: a deadline that rested on a provisional year was counted again from the published calendar `calendar`.

    `taken_back` names the steps of the clock (warn, overdue, at_200) that it has then not reached: the marks that were
    made of them rested on a guess and no longer hold. They come anew when the clock really reaches them.
    """

    TYPE: ClassVar[str] = "case.recomputed.v1"

    stage: str
    due_before: datetime
    due_after: datetime
    calendar: str
    taken_back: list[str] = Field(default_factory=list)


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
    CaseSentBack,
    CaseRecalled,
    CasePassedOn,
    CaseReturnRequested,
    CaseReturned,
    CaseReturnRefused,
    CaseExtensionRequested,
    CaseExtended,
    CaseExtensionRefused,
    CaseSuspensionRequested,
    CaseSuspended,
    CaseSuspensionRefused,
    CaseRequestWithdrawn,
    CaseResumed,
    CaseUrged,
    CaseUrgingReplied,
    CaseCoordinated,
    CasePartReported,
    CaseSummoned,
    CaseSummonsAnswered,
    CaseUnanswered,
    CaseTaskReassigned,
    CaseSelfHandled,
    CaseSpotChecked,
    CaseCorrected,
    CaseMerged,
    CaseAbsorbed,
    CaseReportAdded,
    CaseReportRemoved,
    CaseVoided,
    CaseReopened,
    CaseAppealed,
    CaseAppealReviewed,
    CaseAppealDecided,
    CaseEscalated,
    CaseRecomputed,
    CaseImported,
    CaseNoted,
)
