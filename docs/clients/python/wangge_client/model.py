"""What goes to a city and what comes back. Members that a newer city adds are ignored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Place:
    """One of: `lon` and `lat` in degrees of `datum` (wgs84, cgcs2000, gcj02, bd09), `grid`, `component`, `address`."""

    lon: float | None = None
    lat: float | None = None
    datum: str | None = None
    grid: str | None = None
    component: str | None = None
    address: str | None = None

    def as_json(self) -> dict[str, Any]:
        members = ("lon", "lat", "datum", "grid", "component", "address")
        return {name: value for name in members if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Report:
    """A report 上报 to be posted. `more` holds members of the body that this client has no name for."""

    category: str
    description: str
    place: Place
    occurred_at: datetime | None = None
    source: str | None = None
    attributes: Mapping[str, Any] | None = None
    reporter: Mapping[str, str] | None = None
    media: Sequence[UUID] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        if self.occurred_at is not None and self.occurred_at.tzinfo is None:
            raise ValueError("occurred_at needs a time zone")
        body: dict[str, Any] = {
            "category": self.category,
            "description": self.description,
            "location": self.place.as_json(),
            "occurred_at": self.occurred_at and self.occurred_at.isoformat(),
            "source": self.source,
            "attributes": self.attributes and dict(self.attributes),
            "reporter": self.reporter and dict(self.reporter),
            "media": [str(each) for each in self.media] or None,
        }
        return {name: value for name, value in body.items() if value is not None} | dict(self.more)


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer to a posted report: it is stored. `tracking_code` lets its reporter follow it without an account."""

    id: UUID
    tracking_code: str
    routing_key: str
    status: str
    merged_into: UUID | None

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Taken":
        merged = told.get("merged_into")
        return cls(
            UUID(told["id"]), told["tracking_code"], told["routing_key"], told["status"], merged and UUID(merged)
        )


@dataclass(frozen=True, slots=True)
class ReportState:
    """A report as it stands; `told` is all that the city said of it."""

    id: UUID
    status: str
    routing_key: str
    case_id: UUID | None
    told: Mapping[str, Any]

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "ReportState":
        case = told.get("case_id")
        return cls(UUID(told["id"]), told["status"], told["routing_key"], case and UUID(case), told)


@dataclass(frozen=True, slots=True)
class FieldTrouble:
    """What is wrong with one field: a JSON pointer, and what would be right."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class BatchLine:
    """What became of one report of a batch, counted from 1 through all of it; `problem` for one that was refused."""

    line: int
    status: int
    id: UUID | None
    tracking_code: str | None
    problem: Mapping[str, Any] | None

    @property
    def ok(self) -> bool:
        return self.status < 400


@dataclass(frozen=True, slots=True)
class Event:
    """A published fact: its type (`case.filed.v1`), the CloudEvent, and the token to resume behind it."""

    token: str
    type: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reset:
    """The city no longer has what came after the token: what was missed must be asked for, then listen on from here."""

    token: str
