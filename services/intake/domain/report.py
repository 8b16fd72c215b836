"""A report 上报: what may be taken in, and what it then is."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.intake.domain.masking import mask, mask_values
from shared.kernel.errors import FieldError, Invalid, NotFound, pointer_to
from shared.kernel.place import Datum, Place

RECEIVED: Final = "received"
"""The status of a report until dispatch has made a case of it."""

MOST_LATITUDE: Final = 90
SWAPPED: Final = "longitude and latitude seem to be swapped: lon is the longitude"


def looks_swapped(lon: float, lat: float) -> bool:
    """Whether the two can only be what they are the other way round: no latitude is beyond 90 degrees."""
    return abs(lon) <= MOST_LATITUDE < abs(lat) <= 2 * MOST_LATITUDE


# A client's clock may be wrong by this much before what it says lies in the future.
CLOCK_SKEW: Final = timedelta(minutes=5)
# Attributes are facts about an incident, not documents: what a form has room for.
MOST_VALUES: Final = 500
_INT64: Final = 2**63


class UnknownCategory(Invalid):
    slug, title, title_zh = "unknown-category", "No such category in the catalogue", "目录中没有该类别"


class OutsideEveryGrid(Invalid):
    slug, title, title_zh = "outside-every-grid", "The place lies in no grid of this city", "位置不在任何网格内"


class UnknownGrid(Invalid):
    slug, title, title_zh = "unknown-grid", "No such grid", "网格不存在"


class UnknownComponent(Invalid):
    slug, title, title_zh = "unknown-component", "No such component", "部件不存在"


class UnknownMedia(Invalid):
    slug, title, title_zh = "unknown-media", "No such media", "媒体文件不存在"


class OccurredInFuture(Invalid):
    slug, title, title_zh = "occurred-in-future", "It is said to have happened in the future", "发生时间在未来"


class BadAttributes(Invalid):
    slug, title, title_zh = "bad-attributes", "Attributes that cannot be kept", "属性值无效"


class ReportNotFound(NotFound):
    slug, title, title_zh = "report-not-found", "No such report", "上报不存在"


class Reporter(NamedTuple):
    """Who reported, as far as they said. Personal: never leaves intake, kept encrypted."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None


class AtPoint(NamedTuple):
    """A place given by coordinates of some datum."""

    lon: float
    lat: float
    datum: Datum


class InGrid(NamedTuple):
    """A place given by its grid: the path, or the national id of a unit grid."""

    grid: str


class AtComponent(NamedTuple):
    """A place given by the code of a component 部件 that stands there."""

    component: str


class Origin(NamedTuple):
    """Where a report comes from, beyond its source: the number it has there, and the office, paper or device."""

    number: str | None = None
    name: str | None = None


class AtAddress(NamedTuple):
    """A place given in words: the area that they name is looked for."""

    address: str


class Asked(NamedTuple):
    """A report as it was sent. `source` is empty where the sender named none. `address` describes the place in words;
    `approximate` says that it is all there is: the place is that of a grid of the area which it names. `kept` is what
    the door of Open311 keeps beside it, to show it as it was sent.
    """

    category: str
    description: str
    location: AtPoint | InGrid | AtComponent | AtAddress
    occurred_at: datetime | None
    source: str
    attributes: Mapping[str, Any]
    reporter: Reporter | None
    media: Sequence[UUID]
    origin: Origin | None = None
    address: str | None = None
    approximate: bool = False
    kept: Mapping[str, Any] | None = None

    @property
    def has_contact(self) -> bool:
        return self.reporter is not None and bool(self.reporter.phone or self.reporter.email)

    @property
    def has_media(self) -> bool:
        return bool(self.media)

    @property
    def has_number(self) -> bool:
        return self.origin is not None and bool(self.origin.number)

    @property
    def has_name(self) -> bool:
        return self.origin is not None and bool(self.origin.name)


class Report(NamedTuple):
    """A report as it was taken in; `description` is masked. A tuple, for it is made 1,000 times in a batch."""

    id: UUID
    tracking_code: str
    routing_key: str
    category: str
    description: str
    place: Place
    occurred_at: datetime | None
    received_at: datetime
    source: str
    attributes: Mapping[str, Any]
    media: Sequence[UUID]
    caller: str
    origin: Origin | None = None
    address: str | None = None
    approximate: bool = False
    component: str | None = None


class Telling(NamedTuple):
    """What one more fact of a report bears: its `version`, and the record key of all its facts, where that is not its
    own grid: that of the report which it was `merged_into` when it came.
    """

    version: int
    record_key: str | None
    merged_into: UUID | None


class Personal(NamedTuple):
    """What of a report names a person: encrypted, beside the report, until it is erased.

    `attributes` as they were sent, if something in them is masked.
    """

    description: str
    reporter: Reporter | None
    attributes: Mapping[str, Any] | None = None

    @property
    def reachable(self) -> bool:
        """Whether the reporter left a telephone number or an e-mail address, and may be told."""
        return self.reporter is not None and bool(self.reporter.phone or self.reporter.email)


def receive(
    asked: Asked, place: Place, routing_key: str, *, report_id: UUID, tracking_code: str, caller: str, now: datetime
) -> tuple[Report, Personal | None]:
    """Take a report in; its location was found: `place`, in `routing_key`. Raises OccurredInFuture, BadAttributes."""
    if asked.occurred_at is not None and asked.occurred_at > now + CLOCK_SKEW:
        raise OccurredInFuture(
            f"{asked.occurred_at.isoformat()} is later than now, {now.isoformat(timespec='seconds')}",
            errors=[FieldError("/occurred_at", "must not lie in the future")],
        )
    if asked.attributes:
        _check_attributes(asked.attributes)
    masked = mask(asked.description)
    attributes = mask_values(asked.attributes) if asked.attributes else asked.attributes
    report = Report(
        report_id,
        tracking_code,
        routing_key,
        asked.category,
        masked,
        place,
        asked.occurred_at,
        now,
        asked.source,
        attributes,
        asked.media,
        caller,
        None if asked.origin is None else asked.origin._replace(name=mask(asked.origin.name or "") or None),
        None if asked.address is None else mask(asked.address),
        asked.approximate,
        asked.location.component if isinstance(asked.location, AtComponent) else None,
    )
    personal = None
    if asked.reporter is not None or masked != asked.description or attributes is not asked.attributes:
        before = None if attributes is asked.attributes else asked.attributes
        personal = Personal(asked.description, asked.reporter, before)
    return report, personal


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    """JSON can say more than PostgreSQL and other readers of a fact can hold: refuse it by name."""
    waiting: list[tuple[str, Any]] = [("/attributes", attributes)]
    seen = 1
    while waiting:
        pointer, holder = waiting.pop()
        seen += len(holder)
        if seen > MOST_VALUES:
            raise _bad("/attributes", f"more than {MOST_VALUES} values")
        for name, value in enumerate(holder) if isinstance(holder, list) else holder.items():
            if isinstance(name, str) and "\x00" in name:
                raise _bad(pointer, "a name must not contain the character U+0000")
            if isinstance(value, str):
                if "\x00" in value:
                    raise _bad(pointer + pointer_to(name), "must not contain the character U+0000")
            elif isinstance(value, dict | list):
                waiting.append((pointer + pointer_to(name), value))
            elif isinstance(value, float):
                if not isfinite(value):
                    raise _bad(pointer + pointer_to(name), "must be a finite number")
            elif isinstance(value, int) and not -_INT64 <= value < _INT64:
                raise _bad(pointer + pointer_to(name), "must fit in 64 bits")


def _bad(pointer: str, message: str) -> BadAttributes:
    return BadAttributes(f"{pointer}: {message}", errors=[FieldError(pointer, message)])
