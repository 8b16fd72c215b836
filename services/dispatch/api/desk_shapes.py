"""What desks are answered, for the OpenAPI document."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from services.dispatch.api.shapes import CaseShape
from services.dispatch.domain.case import Status


class QueueItem(CaseShape):
    """A case that waits for the caller; `reasons` say why."""

    reasons: list[str]


class ReasonShape(BaseModel):
    """Why cases wait for this post."""

    name: str
    name_zh: str


class QueueShape(BaseModel):
    """`counts` come with the first page: cases by reason, 1000 standing for that many or more."""

    items: list[QueueItem]
    next: str | None
    reasons: list[ReasonShape]
    counts: dict[str, int] | None


class SituationItem(BaseModel):
    """How many open cases stand where in one area, and what was opened and closed in it today."""

    area: str
    statuses: dict[Status, int]
    cases: int
    overdue: int
    warned: int
    opened_today: int
    closed_today: int


class Situation(BaseModel):
    """Every area one level below `area` in which there is something to count."""

    area: str
    items: list[SituationItem]
    next: None = None


class CountItem(BaseModel):
    """Cases with one status, unit, category or area; `key` is null for those without a unit."""

    key: str | None
    cases: int
    overdue: int
    warned: int


class CountsShape(BaseModel):
    """The largest first. `truncated`: more than 50,000 cases match, and these are the counts of so many of them."""

    by: Literal["status", "unit", "category", "area"]
    items: list[CountItem]
    truncated: bool
    next: None = None


class FeatureShape(BaseModel):
    """A case as a GeoJSON feature (RFC 7946)."""

    type: Literal["Feature"]
    id: UUID
    geometry: dict[str, Any]
    properties: dict[str, Any]


class FeaturesShape(BaseModel):
    """`truncated`: the box holds more than `limit` cases, and these are the most urgent."""

    type: Literal["FeatureCollection"]
    features: list[FeatureShape]
    limit: int
    truncated: bool


class OutcomeShape(BaseModel):
    """What became of one item: 200 with the case and its new ETag, or the refusal and its status."""

    id: UUID | None
    status: int
    etag: str | None
    case: CaseShape | None
    problem: dict[str, Any] | None


class BulkShape(BaseModel):
    """An outcome for each item, in the order given."""

    done: int
    refused: int
    items: list[OutcomeShape]
