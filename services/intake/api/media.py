"""Media: upload a file, look at one."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from services.intake.commands.store_media import store_media
from services.intake.queries.media import media as find_media
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import wired_of
from shared.idempotency import IdempotencyKey

router = APIRouter(tags=["media 媒体"])

_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


class MediaTaken(BaseModel):
    """`media_type` is what the content shows it to be."""

    id: UUID
    media_type: str
    bytes: int


@router.post("/v1/media", status_code=201)
async def post_media(
    request: Request, caller: Caller, file: UploadFile, idempotency_key: IdempotencyKey = None
) -> MediaTaken:
    """Store a picture (JPEG, PNG, WebP, HEIC), a sound or an MP4 film, 20 MB at the most; name its id in a report."""
    wired: Wired = wired_of(request)
    stored = await store_media(
        wired.pool,
        wired.media,
        wired.clock,
        caller,
        file.file,
        most=wired.settings.media_max_bytes,
        key=idempotency_key,
    )
    return MediaTaken(id=stored.id, media_type=stored.media_type, bytes=stored.size)


@router.get("/v1/media/{media_id}", response_class=StreamingResponse, responses=_ANSWERS)
async def get_media(request: Request, media_id: UUID, caller: Caller) -> StreamingResponse:
    """The file as it was sent. For staff, and for the app that sent it."""
    wired: Wired = wired_of(request)
    content = await find_media(wired.pool, wired.media, caller, media_id)
    headers = {
        "Content-Length": str(content.media.size),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    return StreamingResponse(content.parts, media_type=content.media.media_type, headers=headers)
