"""The body of an activity as the app of a grid worker sends it: one shape for each kind."""

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import orjson
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    ValidationError,
    model_validator,
)

from services.intake.domain.activity import Asked, Person
from services.intake.domain.report import SWAPPED, AtPoint, InGrid, looks_swapped
from services.intake.domain.track import MOST_FIXES, Fix
from shared.http import once_each, one_way
from shared.http.problems import field_errors, sentence
from shared.kernel.errors import FieldError, Invalid, Malformed
from shared.kernel.place import Datum, to_wgs84

_NO_NUL = r"^[^\x00]*$"
Word: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
Prose: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=_NO_NUL)]
Number: TypeAlias = Annotated[int, Field(ge=0, le=10_000)]
Longitude: TypeAlias = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Latitude: TypeAlias = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=90_000, allow_inf_nan=False)]
# Dynamic information a grid worker notes (动态信息): weddings and funerals, births, who comes and goes, removals, looks
# of the city, hazards, disputes, wishes.
Topic: TypeAlias = Literal[
    "wedding_or_funeral", "birth", "population", "removal", "city_appearance", "hazard", "dispute", "wish", "other"
]


class HazardsUnnamed(Invalid):
    slug, title, title_zh = "hazards-unnamed", "Result and hazards do not agree", "检查结果与隐患不符"


class _Sent(BaseModel):
    """Strict: a number is no text, a misspelt member is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WhereBody(_Sent):
    """`lon` and `lat` (degrees, of `datum`), or `grid` (its path or national id)."""

    model_config = ConfigDict(
        json_schema_extra=one_way({"a point": (("lon", "lat"), ("datum",)), "a grid": (("grid",), ())})
    )

    lon: Longitude | None = None
    lat: Latitude | None = None
    datum: Datum | None = None
    grid: Annotated[str, StringConstraints(min_length=1, max_length=280, pattern=_NO_NUL)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "WhereBody":
        point = self.lon is not None and self.lat is not None and self.grid is None
        named = self.grid is not None and self.lon is None and self.lat is None and self.datum is None
        if not (point or named):
            raise ValueError("give lon and lat, or grid: one of the two")
        return self


class PersonBody(_Sent):
    """Who was visited or served 服务对象: kept encrypted, never published."""

    name: Annotated[str, StringConstraints(max_length=100, pattern=_NO_NUL)] | None = None
    phone: Annotated[str, StringConstraints(max_length=40, pattern=_NO_NUL)] | None = None
    address: Annotated[str, StringConstraints(max_length=200, pattern=_NO_NUL)] | None = None


class FindingBody(_Sent):
    topic: Topic
    text: Prose | None = None


class HazardBody(_Sent):
    """A hazard 隐患 found: general 一般 or major 重大; rectified 已整改 on the spot, or by when."""

    level: Literal["general", "major"]
    text: Prose
    rectified: bool = False
    rectify_by: Annotated[date, Field(strict=False)] | None = None


class _Activity(_Sent):
    """What every kind has. `id` is the app's own UUIDv7: sent again, it is recorded once."""

    id: UUID
    started_at: AwareDatetime
    ended_at: AwareDatetime
    media: Annotated[list[UUID], Field(max_length=20)] | None = None
    reports: Annotated[list[UUID], Field(max_length=200)] | None = Field(
        None, description="ids of the reports 上报 that came of it"
    )


class PatrolBody(_Activity):
    """A patrol 巡查. Each fix of its track is `[lon, lat, seconds since started_at]`."""

    kind: Literal["patrol"]
    track: Annotated[list[tuple[Longitude, Latitude, Seconds]], Field(min_length=2, max_length=MOST_FIXES)]
    datum: Datum | None = None
    handled: Number = Field(0, description="matters settled on the spot 当场处置")
    findings: Annotated[list[FindingBody], Field(max_length=50)] = []
    note: Prose | None = None


class VisitBody(_Activity):
    """A visit 走访. `household_class` 1 to 3 is that of classified visiting 分类走访; a `verification` 核实 looks
    whether another's visit took place.
    """

    kind: Literal["visit"]
    location: WhereBody
    purpose: Literal["general", "key_person", "verification", "service", "petition", "mediation", "publicity"]
    form: Literal["home", "telephone", "online", "elsewhere"] = "home"
    outcome: Literal["met", "absent", "refused"] = "met"
    household_class: Annotated[int, Field(ge=1, le=3)] | None = None
    verifies: UUID | None = Field(None, description="the visit that this one verifies")
    satisfied: bool | None = None
    findings: Annotated[list[FindingBody], Field(max_length=50)] = []
    person: PersonBody | None = None
    note: Prose | None = None


class InspectionBody(_Activity):
    """An inspection 检查 of an enterprise, a vessel, a shop, a site or a place, with the hazards found."""

    kind: Literal["inspection"]
    location: WhereBody
    object_kind: Literal["enterprise", "vessel", "shop", "construction_site", "dwelling", "public_place", "other"]
    object: Word
    result: Literal["passed", "hazards", "refused"]
    hazards: Annotated[list[HazardBody], Field(max_length=50)] = []
    person: PersonBody | None = None
    note: Prose | None = None

    @model_validator(mode="after")
    def _hazards_are_named(self) -> "InspectionBody":
        if (self.result == "hazards") != bool(self.hazards):
            said = "hazards are listed when the result is 'hazards', and only then"
            raise HazardsUnnamed(said, errors=[FieldError("/hazards", said)])
        return self


class DiaryBody(_Activity):
    """A diary entry 民情日记: time, place, person served, form, content, problem, handling, reflection."""

    kind: Literal["diary"]
    location: WhereBody
    form: Literal["home", "telephone", "online", "elsewhere", "window"] = "home"
    content: Prose
    problem: Prose | None = None
    handling: Prose | None = None
    reflection: Prose | None = None
    person: PersonBody | None = None


class MeetingBody(_Activity):
    """A meeting: of the grid 网格例会, its party group 党小组会, a briefing 研判, a joint one 联席会议, a mediation."""

    kind: Literal["meeting"]
    location: WhereBody
    form: Literal["grid", "party_group", "briefing", "joint", "residents", "other"]
    subject: Word
    attendees: Number
    conclusions: Prose | None = None


class ActivityBody(
    RootModel[
        Annotated[
            PatrolBody | VisitBody | InspectionBody | DiaryBody | MeetingBody,
            Field(discriminator="kind"),
        ]
    ]
):
    """An activity of one of the five kinds. Null is the same as left out."""


KINDS = ("patrol", "visit", "inspection", "diary", "meeting")
_COMMON = set({"id", "kind", "started_at", "ended_at", "media", "reports", "location", "track", "datum", "person"})


def read_activity(raw: bytes) -> Asked:
    """An activity from its JSON. Raises Malformed, Invalid with a pointer to each bad field."""
    body = _body(raw)
    once_each(raw)
    fixes: list[Fix] = []
    location: AtPoint | InGrid | None = None
    if isinstance(body, PatrolBody):
        datum = body.datum or Datum.WGS84
        fixes = [Fix(*to_wgs84(lon, lat, datum), seconds) for lon, lat, seconds in body.track]
    else:
        location = _location(body.location)
    details: dict[str, Any] = body.model_dump(mode="json", exclude=_COMMON, exclude_none=True)
    person = getattr(body, "person", None)
    return Asked(
        body.id,
        body.kind,
        body.started_at,
        body.ended_at,
        location,
        fixes,
        details,
        None if person is None else Person(person.name, person.phone, person.address),
        body.media or [],
        body.reports or [],
    )


def _body(raw: bytes) -> PatrolBody | VisitBody | InspectionBody | DiaryBody | MeetingBody:
    try:
        return ActivityBody.model_validate_json(raw).root
    except ValidationError as error:
        errors: list[Any] = list(error.errors(include_url=False, include_context=False, include_input=False))
    if any(e["type"] == "json_invalid" for e in errors):
        raise Malformed(f"the body is not JSON: {errors[0]['msg']}")
    for e in errors:
        if e["type"].startswith("union_tag"):
            e["loc"], e["msg"] = ("kind",), f"one of {', '.join(KINDS)}"
        elif e["loc"][:1] and e["loc"][0] in KINDS:
            e["loc"] = e["loc"][1:]  # the branch of the union is no part of the sender's document
    found = field_errors(errors)
    if not _swapped(raw):
        raise Invalid(sentence(found, len(errors)), errors=found)
    places = ("/location/lat", "/track/0/1")
    found = [e._replace(message=f"{e.message}; {SWAPPED}") if e.pointer in places else e for e in found]
    raise Invalid(sentence(found, len(errors)), errors=found, facts={"hint": "swapped"})


def _swapped(raw: bytes) -> bool:
    """Whether the two numbers of the place, or of the first fix, were sent the wrong way round."""
    try:
        sent = orjson.loads(raw)
        lon, lat = sent["track"][0][:2] if "track" in sent else (sent["location"]["lon"], sent["location"]["lat"])
        return looks_swapped(lon, lat)
    except (ValueError, LookupError, TypeError):
        return False


def _location(sent: WhereBody) -> AtPoint | InGrid:
    if sent.grid is not None:
        return InGrid(sent.grid)
    assert sent.lon is not None
    assert sent.lat is not None
    return AtPoint(sent.lon, sent.lat, sent.datum or Datum.WGS84)
