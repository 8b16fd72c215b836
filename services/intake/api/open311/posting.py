"""`POST requests.{xml,json}`: a form in, through the same command as our own reports, a service request id out."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from starlette.datastructures import UploadFile

from services.intake.api.open311 import asking, documents
from services.intake.api.open311.attributes import attributes_of
from services.intake.api.open311.form import Form, read_form
from services.intake.api.open311.rendering import Format, answer
from services.intake.commands.receive_report import receive_report
from services.intake.commands.store_media import store_media
from services.intake.domain.open311_form import (
    BadField,
    check_description,
    check_lengths,
    check_urls,
    reporter,
    written,
)
from services.intake.domain.report import Asked, AtAddress, AtComponent, AtPoint, InGrid
from services.intake.queries.open311_jurisdictions import Jurisdiction
from services.intake.wiring import Wired
from shared.auth import BadKey, NotSignedIn, Principal
from shared.http import StraightRoute, runs
from shared.idempotency import key_of, keyed_hash
from shared.kernel.errors import FieldError
from shared.kernel.place import Datum, Place

_PIECE: Final = 1 << 16

router = APIRouter(prefix="/open311/v2", tags=["open311"], route_class=StraightRoute)

REQUESTS: Final = "service_requests"
# Where pictures may come along with the form.
WITH_PICTURES: Final = tuple(
    f"/open311/v2/{path}.{form}" for path in ("requests", "servicerequestupdates") for form in ("xml", "json")
)
# The source of these reports, in a city whose pack knows it; in any other, that of an app.
SOURCE: Final = "open311"


class Where(NamedTuple):
    """The place of a request, as our reports have it."""

    location: AtPoint | InGrid | AtComponent | AtAddress
    address: str | None


async def straight(request: Request) -> Response:
    """What answers a posted request. It is routed by hand, before the documented route: the framework's matching, done
    twice for a route of an included router, and its exit stacks took a tenth of what a post has.
    """
    parts = asking.wired(request)
    form_asked = asking.format_asked(request)
    form = await read_form(request, parts.settings.max_body_bytes)
    try:
        jurisdiction = asking.place_asked(request, form)
        who = await caller_of(parts, request, form)
        return await _received(parts, request, form, form_asked, jurisdiction, who)
    finally:
        await form.close()


async def _received(
    parts: Wired, request: Request, form: Form, form_asked: Format, jurisdiction: Jurisdiction, who: Principal
) -> Response:
    code = asking.one(form, "service_code", "/")
    if code is None:
        raise BadField("service_code is missing", errors=[FieldError("/service_code", "missing")])
    parts.open311.check(code, "/service_code")
    fields = form.fields
    attributes, errors = attributes_of(fields, parts.open311.form(code))
    urls = fields.get("media_url", []) + fields.get("media_url[]", [])
    description = _first(form, "description")
    errors = [*check_lengths(fields), *check_description(description), *check_urls(urls), *errors]
    if errors:
        raise BadField("; ".join(f"{e.pointer.lstrip('/')}: {e.message}" for e in errors[:3]), errors=errors)
    where = _where(parts, form)
    _inside(parts, jurisdiction, where)
    words = written(description, parts.open311.names[code], urls)
    kept = {"said": words.said, "media_url": urls[0]} if urls else {"said": words.said}
    key = key_of(request)
    asked = Asked(
        code,
        words.text,
        where.location,
        None,
        SOURCE if SOURCE in parts.pack.sources else "",
        attributes,
        reporter(*(_first(form, name) for name in ("first_name", "last_name", "email", "phone"))),
        await stored(parts, who, form.files, key),
        address=where.address,
        kept=kept,
    )
    digest = None
    if key is not None:
        digest = keyed_hash(await parts.desk.vault.secret(), "POST", request.url.path, await recognised(form))
    taken = orjson.loads(await receive_report(parts.desk, who, asked, key, digest))
    told = {"service_request_id": taken["id"], "service_notice": None, "account_id": _first(form, "account_id")}
    return answer(REQUESTS, [told], form_asked)


async def caller_of(parts: Wired, request: Request, form: Form) -> Principal:
    """Whom `api_key` stands for, in the form, the address or the Authorization header. Raises NotSignedIn, BadKey,
    RateExceeded.
    """
    key = asking.one(form, "api_key", "/")
    if key is None and request.scope["query_string"]:
        key = asking.one(request.query_params, "api_key")
    if key is None:
        header = request.headers.get("authorization")
        if header is None:
            raise NotSignedIn("api_key is missing: send an app's key, wg_…, as api_key or as Authorization: Bearer")
        return await parts.auth.principal(header)
    if not key.startswith("wg_"):
        raise BadKey("api_key is not valid: an app's key begins with wg_")
    return await parts.auth.principal(f"Bearer {key}")


def _first(form: Form, name: str) -> str | None:
    values = form.getlist(name)
    return values[0] if values else None


def _where(parts: Wired, form: Form) -> Where:
    """By `lat` and `long`, else by `address_id`, else by `address_string`; the words of an address are kept anyway.

    Raises BadField.
    """
    given = {name: asking.one(form, name, "/") for name in ("lat", "long", "address_id", "address_string")}
    lat, long, address_id, address = given.values()
    if lat is not None or long is not None:
        return Where(_point(parts, lat, long), address)
    if address_id is not None:
        grids = parts.desk.grids.current
        return Where(InGrid(address_id) if grids.path_of(address_id) else AtComponent(address_id), address)
    if address is not None:
        return Where(AtAddress(address), address)
    words = "give lat and long, or address_id, or address_string"
    raise BadField(f"the place is missing: {words}", errors=[FieldError("/location", f"missing: {words}")])


def _point(parts: Wired, lat: str | None, long: str | None) -> AtPoint:
    numbers: list[float] = []
    errors = []
    for name, text, most in (("lat", lat, 90), ("long", long, 180)):
        value = None if text is None else asking.number(text)
        if text is None:
            errors.append(FieldError(f"/{name}", "missing: lat and long go together"))
        elif value is None:
            errors.append(FieldError(f"/{name}", f"{text[:40]!r} is not a number of degrees, such as 39.9042"))
        elif abs(value) > most:
            errors.append(FieldError(f"/{name}", f"{text[:40]} is not between -{most} and {most}"))
        numbers.append(0.0 if value is None else value)
    latitude, longitude = numbers
    if errors:
        turned = abs(longitude) <= 90 and abs(latitude) <= 180 and not (lat is None or long is None)
        if turned and parts.desk.grids.current.locate(Place(latitude, longitude)) is not None:
            errors = [FieldError(e.pointer, f"{e.message}; lat and long seem to be swapped") for e in errors]
        raise BadField("; ".join(f"{e.pointer[1:]}: {e.message}" for e in errors), errors=errors)
    return AtPoint(longitude, latitude, Datum.WGS84)


def _inside(parts: Wired, jurisdiction: Jurisdiction, where: Where) -> None:
    """Raise BadField for a place that another jurisdiction answers for. A place in none is the command's to refuse,
    with a hint where latitude and longitude are swapped.
    """
    if not jurisdiction.area:
        return
    grids, location = parts.desk.grids.current, where.location
    if isinstance(location, AtPoint):
        path = grids.locate(Place(location.lon, location.lat))
    else:
        path = grids.path_of(location.grid) if isinstance(location, InGrid) else None
    if path is not None and not jurisdiction.area.covers(path):
        raise BadField(
            f"the place lies in {path}, and the jurisdiction {jurisdiction.name} is {jurisdiction.area}",
            errors=[FieldError("/location", f"outside the jurisdiction {jurisdiction.name}")],
        )


async def stored(parts: Wired, who: Principal, files: Sequence[UploadFile], key: str | None) -> list[UUID]:
    """The ids of the posted files, stored; with an Idempotency-Key the same ones when they are sent again."""
    ids = []
    for n, file in enumerate(files, start=1):
        part = None if key is None else f"{key}/media/{n}"
        media = await store_media(parts.shelf, who, _pieces(file), key=part)
        ids.append(UUID(bytes=media.id.bytes))  # one that was read back is of the driver's own type
    return ids


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    await file.seek(0)
    while piece := await file.read(_PIECE):
        yield piece


async def recognised(form: Form) -> bytes:
    """What the body is compared by when its Idempotency-Key comes again. The bytes of a multipart one are others each
    time, by its boundary: of that one, its fields and the content of its files.
    """
    if form.raw is not None:
        return form.raw
    digests = []
    for file in form.files:
        await file.seek(0)
        digests.append(hashlib.sha256(await file.read()).hexdigest())
    return orjson.dumps((sorted(form.fields.items()), digests))


_FIELDS: Final = (
    "api_key", "jurisdiction_id", "service_code", "lat", "long", "address_string", "address_id", "description", "email",
    "phone", "first_name", "last_name", "device_id", "account_id", "media_url",
)  # fmt: skip


@router.post(
    "/requests.{format}",
    **documents.posting(
        "The request's id",
        {name: {"type": "string"} for name in _FIELDS},
        required=["api_key", "service_code"],
        place=True,
    ),
)
@runs(straight)
async def post_service_request(format: Format) -> Any:
    """Report something: a form with `api_key`, `service_code`, a place (`lat` and `long`, or `address_id`, or
    `address_string`) and `attribute[CODE]` for each attribute that the service's definition requires. It is durable
    when the answer comes.
    """
