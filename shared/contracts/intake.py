"""Facts that intake publishes: reports, areas, API keys, messages to reporters."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import Fact, Point
from shared.contracts.topics import AREAS, KEYS, REPORTS, TOLD


class ReportReceived(Fact):
    """A report 上报 was taken in. Carries what a desk needs and nothing that names a person.

    `description` and `attributes` have telephone, identity-card and plate numbers masked; `tracking_hash` is the hex
    SHA-256 of the reporter's tracking code. `reachable`: the reporter left a way to be told.
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
    reachable: bool = False


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
    AreaDefined,
    AreaRetired,
    KeyIssued,
    KeyRevoked,
    MessageSent,
    MessageFailed,
)
