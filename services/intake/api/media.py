"""Media: send a file, look at one, at its thumbnails, and hand out links to it."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.intake.api.media_body import FILE_BODY, file_in
from services.intake.commands.make_thumbnail import make_thumbnail
from services.intake.commands.store_media import store_media
from services.intake.domain.media import Media
from services.intake.media_links import LONGEST
from services.intake.queries.media import ReportMedia, content, linked_media, media_of_report
from services.intake.queries.media import media as find_media
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import OPEN, Listing, refusals, wired_of
from shared.idempotency import IdempotencyKey

router = APIRouter(tags=["media 媒体"])

_KINDS: Final = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*", "audio/*", "video/*")}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": _KINDS, "description": "the file"},
    206: {"content": _KINDS, "description": "the part of it that `Range` names"},
    416: {"description": "there is no such part of it"},
}
_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    **refusals(409, 415),
}
# A file may be anything: it is shown as what it is or not at all, and nothing in it runs.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=31536000, immutable",
}

Size = Literal["small", "large"]
Expires = Annotated[int | None, Query(description="of a signed link: seconds since 1970")]
Signature = Annotated[str | None, Query(max_length=100, description="of a signed link")]


class OfferedLocation(BaseModel):
    """Where the device says it was: for the sender to confirm, before a report is made of it."""

    lon: float
    lat: float
    datum: Literal["wgs84"] = "wgs84"


class MediaTaken(BaseModel):
    """`media_type` is what the content shows it to be; `bytes` those that are kept of it."""

    id: UUID
    media_type: str
    bytes: int
    width: int | None = None
    height: int | None = None
    offered_location: OfferedLocation | None = Field(
        None, description="kept nowhere but here, and for the sender alone"
    )
    taken_at: datetime | None = None


class MediaLinks(BaseModel):
    """Addresses that need no header, until `expires_at`; a thumbnail's is there if the media is a picture."""

    expires_at: datetime
    file: str
    small: str | None
    large: str | None


def taken(media: Media) -> MediaTaken:
    spot = media.spot
    return MediaTaken(
        id=media.id,
        media_type=media.media_type,
        bytes=media.size,
        width=media.width,
        height=media.height,
        offered_location=None if spot is None else OfferedLocation(lon=spot.lon, lat=spot.lat),
        taken_at=media.taken_at,
    )


@router.post("/v1/media", status_code=201, openapi_extra=FILE_BODY, responses=refusals(415))
async def post_media(request: Request, caller: Caller, idempotency_key: IdempotencyKey = None) -> MediaTaken:
    """Store a picture (JPEG, PNG, WebP, HEIC), a sound or a film (MP4, MOV), 20 MB at the most; name its id in a
    report. Where and when it was taken is answered, and left out of the file.
    """
    wired: Wired = wired_of(request)
    return taken(await store_media(wired.shelf, caller, file_in(request), key=idempotency_key))


@router.put("/v1/media/{media_id}", status_code=201, openapi_extra=FILE_BODY, responses=refusals(409, 415))
async def put_media(request: Request, media_id: UUID, caller: Caller) -> MediaTaken:
    """Store a file under an id that the client made: a UUIDv7, which a report may name before the file has come. Sent
    again it gets the same answer.
    """
    wired: Wired = wired_of(request)
    return taken(await store_media(wired.shelf, caller, file_in(request), media_id=media_id))


@router.get("/v1/media/{media_id}", response_class=StreamingResponse, responses=_FILE, openapi_extra=OPEN)
async def get_media(request: Request, media_id: UUID, expires: Expires = None, signature: Signature = None) -> Response:
    """The file, for staff, for the app that sent it, and for whoever has a link. Takes a `Range` of bytes."""
    wired: Wired = wired_of(request)
    media = await _may_see(wired, request, media_id, "file", expires, signature)
    asked = request.headers.get("range")
    part = None if asked is None else _range(asked, media.size)
    if part is not None and part[0] >= part[1]:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{media.size}"})
    found = await content(wired.media, media, part)
    start, end = part or (0, media.size)
    headers = {**_SAFE, "Content-Length": str(end - start), "Accept-Ranges": "bytes"}
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{media.size}"
    return StreamingResponse(found.parts, 200 if part is None else 206, headers, media_type=media.media_type)


@router.get("/v1/media/{media_id}/thumbnails/{size}", response_class=Response, responses=_JPEG, openapi_extra=OPEN)
async def get_thumbnail(
    request: Request, media_id: UUID, size: Size, expires: Expires = None, signature: Signature = None
) -> Response:
    """A picture, upright, with its longer side 320 (`small`) or 1,280 (`large`) pixels at the most: a JPEG."""
    wired: Wired = wired_of(request)
    media = await _may_see(wired, request, media_id, size, expires, signature)
    made = await make_thumbnail(wired.media, wired.thumbnailer, media, size)
    return Response(made, media_type="image/jpeg", headers=_SAFE)


@router.get("/v1/media/{media_id}/links")
async def get_links(
    request: Request,
    media_id: UUID,
    caller: Caller,
    seconds: Annotated[int, Query(ge=1, le=int(LONGEST.total_seconds()))] = 3600,
) -> MediaLinks:
    """Links for an `<img>`, or for somebody without an account: each shows one file, until it expires."""
    wired: Wired = wired_of(request)
    media = await find_media(wired.pool, caller, media_id)
    until = (wired.clock() + timedelta(seconds=seconds)).replace(microsecond=0)
    base = f"{request.scope.get('root_path', '')}/v1/media/{media_id}"

    def link(form: str, path: str = "") -> str:
        return f"{base}{path}?{wired.links.query(media_id, form, until)}"

    small, large = (link(size, f"/thumbnails/{size}") if media.is_picture else None for size in ("small", "large"))
    return MediaLinks(expires_at=until, file=link("file"), small=small, large=large)


@router.get("/v1/reports/{report_id}/media")
async def get_report_media(request: Request, report_id: UUID, caller: Caller) -> Listing[ReportMedia]:
    """What a report names: which files are there, which are still expected 待上传, which are missing 缺失."""
    wired: Wired = wired_of(request)
    return Listing(items=await media_of_report(wired.pool, caller, report_id), next=None)


async def _may_see(
    wired: Wired, request: Request, media_id: UUID, form: str, expires: int | None, signature: str | None
) -> Media:
    if signature is not None:
        wired.links.check(media_id, form, expires or 0, signature, wired.clock())
        return await linked_media(wired.pool, media_id)
    caller = await wired.auth.principal(request.headers.get("authorization"))
    return await find_media(wired.pool, caller, media_id)


def _range(asked: str, size: int) -> tuple[int, int] | None:
    """The one range of bytes that is asked for, its end left out (RFC 9110, 14.1.2); empty: it cannot be given; None:
    not understood, which means the whole.
    """
    unit, _, ranges = asked.partition("=")
    first, dash, last = ranges.strip().partition("-")
    digits = first.isascii() and last.isascii() and (first + last).isdigit()
    if unit.strip().lower() != "bytes" or not dash or not digits or len(first + last) > 30:
        return None
    if not first:
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size
