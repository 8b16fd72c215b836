"""What dispatch answers, for the OpenAPI document; `answers.py` builds it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.dispatch.domain.case import Act, Status
from services.dispatch.domain.clocks import Stage


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


class CaseShape(BaseModel):
    """A case 案卷. `due_at` and `overdue` are of its handling; `acts` are those that the caller may do now."""

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
    history: str | None = Field(description="the old system that closed it; null for a case of ours")
    occurred_at: datetime | None
    opened_at: datetime
    due_at: datetime | None
    overdue: bool
    result: str | None
    verified: Literal["true", "false", "not_found"] | None
    passed: bool | None
    clock: ClockShape | None
    acts: list[Act]


class OldStep(BaseModel):
    """A step of a case in the system that closed it; what it did not tell is left out."""

    act: str
    at: datetime
    actor: str | None = None
    post: str | None = None
    on_time: bool | None = None


class TimelineItem(BaseModel):
    """One fact of a case; versions are contiguous from 1. A case of an old system has one, `import`, with its steps."""

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
    steps: list[OldStep] | None = None


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
    """A handling unit 处置单位. `area` is the part of the city it works in, empty for all of it."""

    code: str
    name: str
    name_en: str
    dept: str
    area: str


class Me(BaseModel):
    """Who the caller is to dispatch."""

    subject: str
    centre: str | None
    post: str | None
    area: str
    unit: str | None


class SituationItem(BaseModel):
    """How many open cases stand where in one area."""

    area: str
    statuses: dict[Status, int]
    cases: int
    overdue: int


class Situation(BaseModel):
    """Every area one level below `area`."""

    area: str
    items: list[SituationItem]
    next: None = None
