"""Facts that intake publishes: reports, areas, API keys."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import Fact, Point
from shared.contracts.topics import AREAS, KEYS, REPORTS


class ReportReceived(Fact):
    """A report 上报 was taken in. Carries what a desk needs and nothing that names a person.

    `description` has telephone, identity-card and plate numbers masked; `tracking_hash` is the hex SHA-256 of the
    reporter's tracking code. `merged_into` is the report that tells of the same matter and came before it, if there is
    one: the next fact of this report is then `report.merged`, and no case is to be opened for it.
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
    tracking_hash: str
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


class AreaDefined(Fact):
    """An area of the hierarchy 区域, as it now stands. Geometry is GeoJSON in WGS 84, present where it was given."""

    TYPE: ClassVar[str] = "area.defined.v1"
    TOPIC: ClassVar[str] = AREAS.name

    path: str
    name: str
    level: str
    parent: str | None
    centroid: Point | None = None
    geometry: dict[str, Any] | None = None
    version: int


class AreaRetired(Fact):
    """An area is no longer used; cases that were born in it keep it."""

    TYPE: ClassVar[str] = "area.retired.v1"
    TOPIC: ClassVar[str] = AREAS.name

    path: str
    version: int


class KeyScope(BaseModel):
    """What an API key may do: actions, one area and all below it, categories (None: every one), requests a second."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    actions: list[str]
    area: str = ""
    categories: list[str] | None = None
    rate: int | None = None


class KeyIssued(Fact):
    """An API key was issued. `hash` is the hex SHA-256 of the whole key, which is shown once and kept nowhere."""

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


FACTS: tuple[type[Fact], ...] = (
    ReportReceived,
    ReportMerged,
    ReportUnmerged,
    AreaDefined,
    AreaRetired,
    KeyIssued,
    KeyRevoked,
)
