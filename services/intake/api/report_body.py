"""The body of a report as clients send it, read straight from bytes."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from services.intake.domain.report import (
    SWAPPED,
    Asked,
    AtAddress,
    AtComponent,
    AtPoint,
    InGrid,
    Origin,
    Reporter,
    looks_swapped,
)
from shared.http import body_of, once_each, one_way
from shared.http.problems import sentence
from shared.kernel.errors import FieldError, Invalid
from shared.kernel.place import Datum

MOST_MEDIA = 20

# NUL is refused by pattern, in the validator's own code: PostgreSQL text cannot hold it. A validator in Python for each
# field, as in shared.http.shapes.Body, would double the time a report takes to read.
_NO_NUL = r"^[^\x00]*$"


def _text(most: int, least: int = 0) -> Any:
    return StringConstraints(min_length=least, max_length=most, pattern=_NO_NUL)


class BadLocation(Invalid):
    slug, title, title_zh = "bad-location", "The place is not given in one of the three ways", "位置表示方式无效"


class _Sent(BaseModel):
    """Strict: a number is no text, a misspelt member is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LocationBody(_Sent):
    """One of: `lon` and `lat` (degrees, of `datum`), or `grid` (its path or national id), or `component` (its id), or
    `address` alone: words that name the street and community 街道、社区. Beside one of the others it is kept as it is.
    """

    model_config = ConfigDict(
        json_schema_extra=one_way(
            {
                "a point": (("lon", "lat"), ("datum", "address")),
                "a grid": (("grid",), ("address",)),
                "a component": (("component",), ("address",)),
                "an address": (("address",), ()),
            },
            examples=[{"lon": 116.31, "lat": 39.98, "datum": "gcj02"}, {"grid": "110108.011.003.009"}],
        )
    )

    lon: Annotated[float | None, Field(ge=-180, le=180, allow_inf_nan=False)] = None
    lat: Annotated[float | None, Field(ge=-90, le=90, allow_inf_nan=False)] = None
    datum: Datum | None = None
    grid: Annotated[str, _text(280, 1)] | None = None
    component: Annotated[str, _text(64, 1)] | None = None
    address: Annotated[str, _text(200, 1)] | None = None


class ReporterBody(_Sent):
    """Who reports, as far as they say: kept encrypted, never published."""

    name: Annotated[str, _text(100)] | None = None
    phone: Annotated[str, _text(40)] | None = None
    email: Annotated[str, _text(254)] | None = None


class OriginBody(_Sent):
    """Where it comes from, beyond its source: the number it has there, and the office, department, paper or device.
    Published, so no person's name.
    """

    number: Annotated[str, _text(100)] | None = None
    name: Annotated[str, _text(200)] | None = None


class ReportBody(_Sent):
    """A report 上报. Null is the same as left out."""

    category: Annotated[str, _text(128, 1)] = Field(
        description="a code of the catalogue, or standard:kind:code of another standard that it knows",
        examples=["04005"],
    )
    description: Annotated[str, _text(2000, 1)] = Field(examples=["井盖破损，行人易绊倒"])
    location: LocationBody
    occurred_at: AwareDatetime | None = Field(None, description="RFC 3339 with offset")
    source: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")] | None = Field(
        None, description="who or what noticed it; left out: that of the caller's post, or app"
    )
    attributes: Annotated[dict[Annotated[str, _text(64, 1)], JsonValue], Field(max_length=100)] | None = None
    reporter: ReporterBody | None = None
    media: Annotated[list[UUID], Field(max_length=MOST_MEDIA)] | None = None
    origin: OriginBody | None = None


def read_report(raw: bytes) -> Asked:
    """A report from its JSON. Raises Malformed, Invalid with a pointer to each bad field, BadLocation."""
    try:
        body = body_of(ReportBody, raw)
    except Invalid as refusal:
        raise _hinted(refusal, raw) from None
    reporter, origin = body.reporter, body.origin
    # Were a member there twice, more would have been written than was read. 1 µs; where a text holds what looks like a
    # member, or an attribute has members of its own, it is looked at exactly.
    if raw.count(b'":') != _members(body, body.location, reporter, origin) + len(body.attributes or ()):
        once_each(raw)
    return Asked(
        body.category,
        body.description,
        _location(body.location),
        body.occurred_at,
        body.source or "",
        body.attributes or {},
        None if reporter is None else Reporter(reporter.name, reporter.phone, reporter.email),
        body.media or [],
        None if origin is None else Origin(origin.number, origin.name),
        body.location.address,
    )


def _members(*objects: BaseModel | None) -> int:
    return sum(len(each.model_fields_set) for each in objects if each is not None)


def _hinted(refusal: Invalid, raw: bytes) -> Invalid:
    """The refusal, which says so where the two numbers of the place were swapped: no latitude is beyond 90 degrees."""
    try:
        sent = orjson.loads(raw)["location"]
        swapped = looks_swapped(sent["lon"], sent["lat"])
    except (ValueError, LookupError, TypeError):
        return refusal
    if not swapped:
        return refusal
    errors = [
        e._replace(message=f"{e.message}; {SWAPPED}") if e.pointer == "/location/lat" else e for e in refusal.errors
    ]
    return Invalid(sentence(errors), errors=errors, facts={"hint": "swapped"})


def _location(sent: LocationBody) -> AtPoint | InGrid | AtComponent | AtAddress:
    lon, lat, datum, grid, component = sent.lon, sent.lat, sent.datum, sent.grid, sent.component
    if lon is not None and lat is not None and grid is None and component is None:
        return AtPoint(lon, lat, datum or Datum.WGS84)
    if lon is None and lat is None and datum is None:
        if grid is not None and component is None:
            return InGrid(grid)
        if component is not None and grid is None:
            return AtComponent(component)
        if sent.address is not None and component is None:
            return AtAddress(sent.address)
    raise _bad_location(sent)


def _bad_location(sent: LocationBody) -> BadLocation:
    ways = "give lon and lat, or grid, or component: one of the three; or an address alone"
    given = [name for name in ("lon", "lat", "grid", "component") if getattr(sent, name) is not None]
    if given == ["lon"] or given == ["lat"]:
        missing = "lat" if given == ["lon"] else "lon"
        return BadLocation(ways, errors=[FieldError(f"/location/{missing}", "missing")])
    said = f"has {', '.join(given)}" if given else "has none of them"
    return BadLocation(f"location {said}; {ways}", errors=[FieldError("/location", ways)])
