"""What dispatch answers, for the OpenAPI document; `answers.py` builds it."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.dispatch.domain.case import Act, Priority, Status
from services.dispatch.domain.clocks import Stage
from services.dispatch.domain.matters import PartKind, RequestKind
from services.dispatch.domain.routing import Reason
from services.dispatch.domain.worktime import Unit


class PlaceShape(BaseModel):
    """WGS 84 degrees."""

    lon: float
    lat: float


class ClockShape(BaseModel):
    """The clock that runs now. `left_s` is negative once it is overdue; `provisional`: it was counted in a year whose
    calendar of holidays is not published yet, and may move.
    """

    stage: Stage
    limit_s: int
    used_s: int
    left_s: int
    due_at: datetime
    warned: bool
    overdue: bool
    provisional: bool


class RequestShape(BaseModel):
    """A request 申请 of the unit that command has not decided yet."""

    kind: RequestKind
    unit: str
    asked_by: str
    asked_at: datetime
    reason: str
    until: datetime | None


class UrgingShape(BaseModel):
    """An urging 督办. `missed`: its limit ran out unanswered."""

    number: int
    unit: str
    urged_by: str
    urged_at: datetime
    due_at: datetime
    replied_at: datetime | None
    missed: bool


class PartShape(BaseModel):
    """What another unit does beside the lead unit: to assist 协办, or to come when a street whistles 吹哨报到."""

    kind: PartKind
    unit: str
    task: str | None
    asked_at: datetime
    due_at: datetime | None
    done_at: datetime | None
    missed: bool


class AppealShape(BaseModel):
    """An appeal 申诉 against an overdue mark: `recommended` by command, `approved` by supervision; null until then."""

    unit: str
    asked_by: str
    asked_at: datetime
    reason: str
    recommended: bool | None
    reviewed_by: str | None
    approved: bool | None


class CaseShape(BaseModel):
    """A case 案卷. `due_at` and `overdue` are of its handling; `acts` are those that the caller may do now.

    `level` is the level that answers for it, as a number of area segments: it falls as the case climbs. `exempt`: an
    appeal was approved, so that `overdue` does not count.
    """

    id: UUID
    number: str
    status: Status
    version: int
    revision: int
    routing_key: str
    location: PlaceShape
    category: str
    condition: str | None
    description: str
    source: str
    media: list[UUID]
    unit: str | None
    assisting: list[str]
    reports: list[UUID]
    priority: Priority = Field(description="by its reports: raised from the third, high from the tenth")
    history: str | None = Field(description="the old system that closed it; null for a case of ours")
    occurred_at: datetime | None
    opened_at: datetime
    due_at: datetime | None
    overdue: bool
    result: str | None
    verified: Literal["true", "false", "not_found"] | None
    passed: bool | None
    ended_at: datetime | None
    level: int
    request: RequestShape | None
    extensions: int
    suspended_until: datetime | None
    urgings: list[UrgingShape]
    parts: list[PartShape]
    meeting_at: datetime | None
    appeal: AppealShape | None
    exempt: bool
    task: UUID | None
    assignee: str | None
    merged_into: UUID | None
    reopened_from: UUID | None
    reopened_as: UUID | None
    clock: ClockShape | None
    acts: list[Act]


class WordsShape(BaseModel):
    """The same in both languages."""

    zh: str
    en: str


class ReceiverShape(BaseModel):
    """Who has the case next: a centre, there a unit or a person where one is known."""

    centre: str
    unit: str | None
    assignee: str | None


class MovedClockShape(BaseModel):
    """The clock that an act stopped or marked, as it stood."""

    stage: Stage
    limit_s: int
    used_s: int
    left_s: int


class TimelineItem(BaseModel):
    """One fact of a case; versions are contiguous from 1. `words` tells it in a sentence; `details` are what only its
    kind of act has (a case of an old system: `steps` there); `key`, the Idempotency-Key of its request, is shown to
    whoever did it, an auditor and an admin.
    """

    version: int
    act: Act
    at: datetime
    actor: str
    centre: str | None
    post: str | None
    from_: Status | None = Field(alias="from")
    to: Status
    opinion: str | None
    evidence: list[UUID]
    words: WordsShape
    receiver: ReceiverShape | None
    clock: MovedClockShape | None
    details: dict[str, Any]
    key: str | None


class LimitShape(BaseModel):
    """How long handling may take."""

    amount: int
    unit: Unit


class SuggestionShape(BaseModel):
    """What the routing rules 派遣规则 say of a case. `unit` is null where they leave it to a person: `reason` says why.

    `limit` is null where the catalogue's holds; it counts when the case is filed, not when it is dispatched. `why` are
    the conditions of the rule, all of which the case meets.
    """

    unit: str | None
    assisting: list[str]
    condition: str | None
    limit: LimitShape | None
    rule: str | None
    version: int
    reason: Reason | None
    why: list[WordsShape]


class TaskShape(BaseModel):
    """A verification 核实 or check 核查 that waits for an answer; `case` and `revision` say what to act on."""

    id: UUID
    kind: Literal["verification", "check"]
    case: UUID
    number: str
    revision: int
    area: str
    location: PlaceShape
    category: str
    description: str
    due_at: datetime | None
    assignee: str | None


class UnitShape(BaseModel):
    """A handling unit 处置单位. `area` is the part of the city it works in, empty for all of it; times are null for a
    unit that only the pack names. `open_cases` is asked for with `dissolved_with_cases`, and so is `successor`.
    """

    code: str
    name: str
    name_en: str
    dept: str
    area: str
    leader: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    successor: str | None = None
    open_cases: int | None = None


class PersonShape(BaseModel):
    """A person 人员 in a post. The telephone number is masked in lists; `open_tasks` is asked for with
    `left_with_tasks`, and so is `successor`.
    """

    subject: str
    name: str
    phone: str | None
    post: str
    centre: str | None
    unit: str | None
    area: str
    valid_from: datetime
    valid_until: datetime | None
    successor: str | None = None
    open_tasks: int | None = None


class DutyShape(BaseModel):
    """One row of a roster 值班表. `weekdays` are ISO (1 Monday); hours may run over midnight."""

    area: str
    a: str
    b: str | None
    weekdays: list[int]
    hours: str
    from_day: date | None
    until_day: date | None
    absent_a: list[date]
    absent_b: list[date]


class RosterShape(BaseModel):
    """Who is on duty in `area` at `at` (null: nobody) and why, and the rows of the roster in and below that area."""

    area: str
    at: datetime
    on_duty: str | None
    why: str
    items: list[DutyShape]
    next: str | None = None


class Me(BaseModel):
    """Who the caller is to dispatch."""

    subject: str
    centre: str | None
    post: str | None
    area: str
    unit: str | None


class CheckpointShape(BaseModel):
    """A signed checkpoint of the audit trail; hashes and the signature (Ed25519) in hex. docs/audit.md says of what."""

    number: int
    form: int
    made_at: datetime
    cases: int
    rows: int
    total_cases: int
    total_rows: int
    root: str
    previous: str
    sealed: bool
    key_id: str
    signature: str
