"""Facts that intake publishes: reports, areas, API keys, messages to reporters."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import Fact, Point
from shared.contracts.topics import ACTIVITIES, AREAS, KEYS, REPORTS, TOLD


class ReportOrigin(BaseModel):
    """Where a report comes from, beyond its source: the number it has there, and the office, paper or device."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    number: str | None = None
    name: str | None = None


class ReportReceived(Fact):
    """A report 上报 was taken in. Carries what a desk needs and nothing that names a person.

    `description` and `attributes` have telephone, identity-card and plate numbers masked; `component` is the code of
    the component 部件 that was reported on; `tracking_hash` is the hex SHA-256 of the reporter's tracking code.
    `address` is the place in words, masked as well; `approximate`: nothing else was given, and `location` and
    `routing_key` are those of a grid of the area that it names. `reachable`: the reporter left a way to be told.
    `merged_into` is the report that tells of the same matter and came before it, if there is one: the next fact of this
    report is then `report.merged`, and no case is to be opened for it.
    """

    TYPE: ClassVar[str] = "report.received.v1"
    TOPIC: ClassVar[str] = REPORTS.name

    report_id: UUID
    category: str
    description: str
    location: Point
    routing_key: str
    occurred_at: datetime | None = None
    received_at: datetime
    source: str
    attributes: dict[str, Any] = Field(default_factory=dict)
    media: list[UUID] = Field(default_factory=list)
    component: str | None = None
    tracking_hash: str
    origin: ReportOrigin | None = None
    address: str | None = None
    approximate: bool = False
    reachable: bool = False
    merged_into: UUID | None = None


class ReportMerged(ReportReceived):
    """重复上报并入: the report tells of the same matter as `merged_into`, the first of its cluster, and lies
    `distance_m` from it.

    It shares that report's case. It says all that the receipt said, so that a case can be made of it where the first
    one's has ended in the meantime. Its record key is the first one's grid: it comes behind the facts of that report.
    """

    TYPE: ClassVar[str] = "report.merged.v1"

    merged_into: UUID
    distance_m: float


class ReportUnmerged(ReportReceived):
    """解除合并: a desk found that the report tells of another matter than `unmerged_from`: it gets its own case."""

    TYPE: ClassVar[str] = "report.unmerged.v1"

    unmerged_from: UUID
    at: datetime


class ReportWithdrawn(Fact):
    """撤回: whoever sent the report took it back. `reason` is masked; `case_id` is the case it was known to belong to,
    `merged_into` the report that it was merged into when it came. Whether the case ends is dispatch's to say.
    """

    TYPE: ClassVar[str] = "report.withdrawn.v1"
    TOPIC: ClassVar[str] = REPORTS.name

    report_id: UUID
    routing_key: str
    at: datetime
    reason: str
    case_id: UUID | None = None
    merged_into: UUID | None = None
    version: int


class ReportSupplemented(Fact):
    """补充: whoever sent the report added a text (masked), media, or both."""

    TYPE: ClassVar[str] = "report.supplemented.v1"
    TOPIC: ClassVar[str] = REPORTS.name

    report_id: UUID
    addition_id: UUID
    routing_key: str
    at: datetime
    text: str | None = None
    media: list[UUID] = Field(default_factory=list)
    case_id: UUID | None = None
    merged_into: UUID | None = None
    version: int


class ReportFirstAskedLapsed(Fact):
    """首问责任移交: whoever took the report in (`first_asked`: a person, or an app's key) answers for it no longer, for
    `by` acted on its case; null: the case ended by itself. They had answered for it since `since`.
    """

    TYPE: ClassVar[str] = "report.first_asked_lapsed.v1"
    TOPIC: ClassVar[str] = REPORTS.name

    report_id: UUID
    routing_key: str
    at: datetime
    first_asked: str
    since: datetime
    by: str | None = None
    post: str | None = None
    act: str
    version: int


class ReportFirstAskedOverdue(Fact):
    """首问责任超时: nobody has taken the report over from whoever took it in (`first_asked`) in the time that the pack
    gives; they answer for it still. Told once.
    """

    TYPE: ClassVar[str] = "report.first_asked_overdue.v1"
    TOPIC: ClassVar[str] = REPORTS.name

    report_id: UUID
    routing_key: str
    at: datetime
    first_asked: str
    since: datetime
    version: int


class AreaDefined(Fact):
    """An area of the hierarchy 区域, as it now stands. Geometry is GeoJSON in WGS 84, present where it was given.

    `predecessors` are the paths of the areas that it was cut from, by a split, a merger or a new drawing.
    """

    TYPE: ClassVar[str] = "area.defined.v1"
    TOPIC: ClassVar[str] = AREAS.name

    path: str
    name: str
    level: str
    parent: str | None
    centroid: Point | None = None
    geometry: dict[str, Any] | None = None
    version: int
    predecessors: list[str] = Field(default_factory=list)


class AreaRetired(Fact):
    """An area is no longer used; cases that were born in it keep it. `successors` are the paths of what it became."""

    TYPE: ClassVar[str] = "area.retired.v1"
    TOPIC: ClassVar[str] = AREAS.name

    path: str
    version: int
    successors: list[str] = Field(default_factory=list)


class KeyScope(BaseModel):
    """What an API key may do: actions, an area and all below it, categories (None: every one), requests a second.

    Where `areas` has several, each of them is meant, and `area` is the first. `daily` requests a day (None: no limit),
    counted by each service for itself. Keys of one `family` share their limits: it is the id of the first one of a row
    of rotations; None: its own.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    actions: list[str]
    area: str = ""
    categories: list[str] | None = None
    rate: int | None = None
    areas: list[str] = Field(default_factory=list)
    daily: int | None = None
    family: str | None = None


class KeyIssued(Fact):
    """An API key was issued, or given another end when it was rotated. `hash` is the hex SHA-256 of the whole key,
    which is shown once and kept nowhere.
    """

    TYPE: ClassVar[str] = "key.issued.v1"
    TOPIC: ClassVar[str] = KEYS.name

    key_id: str
    name: str
    hash: str
    scope: KeyScope
    issued_at: datetime
    expires_at: datetime | None = None
    version: int


class KeyRevoked(Fact):
    """An API key no longer opens anything. Every service refuses it within two seconds of this fact."""

    TYPE: ClassVar[str] = "key.revoked.v1"
    TOPIC: ClassVar[str] = KEYS.name

    key_id: str
    name: str
    hash: str
    scope: KeyScope
    revoked_at: datetime
    reason: Literal["revoked", "rotated", "leaked"] = "revoked"
    version: int


class _Detail(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Finding(_Detail):
    """Something noticed in passing: its topic, and a text that is masked."""

    topic: str
    text: str | None = None


class Hazard(_Detail):
    """A hazard 隐患: `level` general or major; rectified on the spot, or by when."""

    level: str
    text: str
    rectified: bool = False
    rectify_by: str | None = None


class Patrol(_Detail):
    """`length_m` is measured along the simplified track; `handled` counts matters settled on the spot."""

    length_m: float
    handled: int = 0
    findings: list[Finding] = Field(default_factory=list)
    note: str | None = None


class Visit(_Detail):
    """A visit 走访; `household_class` is 1 to 3, `verifies` another visit that this one looked into."""

    purpose: str
    form: str
    outcome: str
    household_class: int | None = None
    verifies: UUID | None = None
    satisfied: bool | None = None
    findings: list[Finding] = Field(default_factory=list)
    note: str | None = None


class Inspection(_Detail):
    """An inspection 检查 of `object`; `result` is passed, hazards or refused."""

    object_kind: str
    object: str
    result: str
    hazards: list[Hazard] = Field(default_factory=list)
    note: str | None = None


class Diary(_Detail):
    """An entry of a diary 民情日记."""

    form: str
    content: str
    problem: str | None = None
    handling: str | None = None
    reflection: str | None = None


class Meeting(_Detail):
    """A meeting 会议."""

    form: str
    subject: str
    attendees: int
    conclusions: str | None = None


class ActivityRecorded(Fact):
    """Field work 工作记录 was recorded: a patrol, visit, inspection, diary entry or meeting; the member of its `kind`
    is there. Whom it was with is not in it; texts are masked. `worker` is the subject of a member of staff; `grids` are
    all that it touched, `routing_key` the one it counts for. An activity has one version.
    """

    TYPE: ClassVar[str] = "activity.recorded.v1"
    TOPIC: ClassVar[str] = ACTIVITIES.name

    activity_id: UUID
    kind: str
    worker: str
    post: str
    routing_key: str
    grids: list[str]
    location: Point
    started_at: datetime
    ended_at: datetime
    recorded_at: datetime
    media: list[UUID] = Field(default_factory=list)
    reports: list[UUID] = Field(default_factory=list)
    patrol: Patrol | None = None
    visit: Visit | None = None
    inspection: Inspection | None = None
    diary: Diary | None = None
    meeting: Meeting | None = None


class MessageSent(Fact):
    """A reporter was told, over `channel`: sms or email. Not whom, and not what. The subject is as in `message.due`."""

    TYPE: ClassVar[str] = "message.sent.v1"
    TOPIC: ClassVar[str] = TOLD.name

    report_id: UUID
    template: str
    channel: str
    attempts: int
    at: datetime


class MessageFailed(Fact):
    """A reporter was not told. `reason`: no_channel, no_contact (none was left, or it is erased), no_text (of the
    pack), opted_out, refused (by the gateway), gave_up (after trying for a day).
    """

    TYPE: ClassVar[str] = "message.failed.v1"
    TOPIC: ClassVar[str] = TOLD.name

    report_id: UUID
    template: str
    reason: str
    attempts: int
    at: datetime


FACTS: tuple[type[Fact], ...] = (
    ReportReceived,
    ReportMerged,
    ReportUnmerged,
    AreaDefined,
    AreaRetired,
    KeyIssued,
    KeyRevoked,
    ReportWithdrawn,
    ReportSupplemented,
    ReportFirstAskedLapsed,
    ReportFirstAskedOverdue,
    ActivityRecorded,
    MessageSent,
    MessageFailed,
)
