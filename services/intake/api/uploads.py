"""Resumable uploads by the tus protocol 1.0 (core, creation, creation-with-upload, expiration, termination).

Of the many ways to resume an upload this one has clients ready-made for Android, iOS, the web and Python. An upload's
id is that of the media it becomes with its last byte.
"""

import base64
import binascii
from collections.abc import Callable, Coroutine
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from services.intake.api.media import MediaTaken, taken
from services.intake.api.media_body import as_far_as_it_comes
from services.intake.commands.resume_upload import begin_upload, end_upload, find_upload, resume_upload
from services.intake.domain.upload import NotAnOffset, NotAPart, Upload
from services.intake.queries.media import media as find_media
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import problem_response, refusals, wired_of
from shared.idempotency import IdempotencyKey
from shared.kernel.errors import FieldError, Refusal, StaleVersion

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination"
_PART: Final = "application/offset+octet-stream"


class TusVersion(StaleVersion):
    slug, title, title_zh = "tus-version", "Another version of the tus protocol", "不支持的 tus 协议版本"


class _TusRoute(APIRoute):
    """Every answer, a refusal as well, names the version of the protocol; what it is asked in must be that one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def in_tus(request: Request) -> Response:
            try:
                asked = request.headers.get("tus-resumable")
                if asked != VERSION and request.method not in ("OPTIONS", "GET"):
                    said = "there is no header Tus-Resumable" if asked is None else f"Tus-Resumable is {asked[:20]!r}"
                    raise TusVersion(f"{said}; spoken here is {VERSION}", facts={"versions": [VERSION]})
                response = await answer(request)
            except Refusal as refusal:
                response = problem_response(refusal, request.url.path)
                if isinstance(refusal, TusVersion):
                    response.headers["Tus-Version"] = VERSION
                if "offset" in refusal.facts:
                    response.headers["Upload-Offset"] = str(refusal.facts["offset"])
            response.headers["Tus-Resumable"] = VERSION
            response.headers["Cache-Control"] = "no-store"
            return response

        return in_tus


router = APIRouter(tags=["uploads 断点续传"], route_class=_TusRoute)


def _header(name: str, description: str, *, required: bool = True, **schema: Any) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "required": required,
        "description": description,
        "schema": {"type": "string", **schema},
    }


def _described(*headers: dict[str, Any], part: bool | None = None) -> dict[str, Any]:
    """`openapi_extra` of a route of the protocol; `part`: whether a part must come with it, if one may."""
    version = _header("Tus-Resumable", "the protocol's version", enum=[VERSION])
    said: dict[str, Any] = {"parameters": [version, *headers]}
    if part is not None:
        content = {_PART: {"schema": {"type": "string", "format": "binary"}}}
        said["requestBody"] = {"required": part, "content": content}
    return said


_LENGTH: Final = _header("Upload-Length", "bytes of the whole file", pattern=r"^\d{1,12}$")
_OFFSET: Final = _header("Upload-Offset", "where this part begins", pattern=r"^\d{1,12}$")
_METADATA: Final = _header(
    "Upload-Metadata", "`id <base64>`: a UUIDv7 of the client's own; other names are ignored", required=False
)


class UploadView(BaseModel):
    """An upload, and the media it has become, once it has."""

    id: UUID
    length: int
    offset: int
    expires_at: datetime
    media: MediaTaken | None


@router.options("/v1/uploads", status_code=204, response_class=Response)
async def uploads_options(request: Request) -> Response:
    """What is spoken here: tus 1.0.0."""
    wired: Wired = wired_of(request)
    return Response(
        status_code=204,
        headers={
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(wired.settings.media_max_bytes),
        },
    )


@router.post(
    "/v1/uploads",
    status_code=201,
    response_class=Response,
    responses=refusals(404, 409, 412, 415),
    openapi_extra=_described(_LENGTH, _METADATA, part=False),
)
async def post_upload(
    request: Request,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Begin an upload; `Location` is where its parts go. A first part may come along."""
    wired: Wired = wired_of(request)
    length = _number(request.headers.get("upload-length"), "Upload-Length", least=1)
    own = _own_id(request.headers.get("upload-metadata"))
    upload = await begin_upload(wired.shelf, caller, length, media_id=own, key=idempotency_key)
    if request.headers.get("content-type") == _PART and upload.received == 0:
        upload = await resume_upload(wired.shelf, caller, upload.id, 0, as_far_as_it_comes(request))
    location = f"{request.scope.get('root_path', '')}/v1/uploads/{upload.id}"
    return Response(status_code=201, headers={"Location": location, **_state(upload)})


@router.head("/v1/uploads/{upload_id}", response_class=Response, responses=refusals(412), openapi_extra=_described())
async def head_upload(request: Request, upload_id: UUID, caller: Caller) -> Response:
    """How much of it is durable: where to go on."""
    wired: Wired = wired_of(request)
    upload = await find_upload(wired.shelf, caller, upload_id)
    return Response(headers={"Upload-Length": str(upload.length), **_state(upload)})


@router.patch(
    "/v1/uploads/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=refusals(409, 412, 415),
    openapi_extra=_described(_OFFSET, part=True),
)
async def patch_upload(request: Request, upload_id: UUID, caller: Caller) -> Response:
    """Add a part where the last one ended. With the last byte the upload becomes media of the same id, or is refused
    and forgotten.
    """
    wired: Wired = wired_of(request)
    content_type = request.headers.get("content-type")
    if content_type != _PART:
        raise NotAPart(f"Content-Type is {(content_type or 'missing')[:80]!r}; a part is {_PART}")
    offset = _number(request.headers.get("upload-offset"), "Upload-Offset", least=0)
    upload = await resume_upload(wired.shelf, caller, upload_id, offset, as_far_as_it_comes(request))
    return Response(status_code=204, headers=_state(upload))


@router.delete(
    "/v1/uploads/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=refusals(409, 412),
    openapi_extra=_described(),
)
async def delete_upload(request: Request, upload_id: UUID, caller: Caller) -> Response:
    """Give it up. Media that it has become stays."""
    wired: Wired = wired_of(request)
    await end_upload(wired.shelf, caller, upload_id)
    return Response(status_code=204)


@router.get("/v1/uploads/{upload_id}")
async def get_upload(request: Request, upload_id: UUID, caller: Caller) -> UploadView:
    """How far it is, and what it has become: what `POST /v1/media` would have answered."""
    wired: Wired = wired_of(request)
    upload = await find_upload(wired.shelf, caller, upload_id)
    media = taken(await find_media(wired.pool, caller, upload_id)) if upload.done else None
    return UploadView(
        id=upload.id, length=upload.length, offset=upload.received, expires_at=upload.expires_at, media=media
    )


def _state(upload: Upload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.received),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }


def _number(given: str | None, header: str, *, least: int) -> int:
    """Raises NotAnOffset."""
    if given is None or not (given.isascii() and given.isdigit() and len(given) <= 18) or int(given) < least:
        said = "is missing" if given is None else f"is {given[:40]!r}"
        raise NotAnOffset(
            f"{header} {said}; it must be a number of bytes, {least} at the least",
            errors=[FieldError(f"header {header}", f"a number of bytes, {least} at the least")],
        )
    return int(given)


def _own_id(metadata: str | None) -> UUID | None:
    """The id that the client made, from `name base64, name base64`. Raises NotAnOffset."""
    for pair in (metadata or "").split(","):
        name, _, value = pair.strip().partition(" ")
        if name == "id":
            try:
                return UUID(base64.b64decode(value.strip(), validate=True).decode("ascii"))
            except (binascii.Error, ValueError):
                raise NotAnOffset(
                    "id in Upload-Metadata is not a UUID in base64",
                    errors=[FieldError("header Upload-Metadata", "id: a UUID as text, in base64")],
                ) from None
    return None
