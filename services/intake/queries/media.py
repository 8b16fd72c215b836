"""Stored files, for those who may look at them; and which of a report's are there."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from services.intake.domain.media import Media, MediaNotFound
from services.intake.media_files import MediaFiles
from services.intake.queries.report import report as find_report
from services.intake.store import media as store
from shared.auth import Principal
from shared.postgres import Pool


class Content(NamedTuple):
    """A file on its way out."""

    media: Media
    parts: AsyncIterator[bytes]


class ReportMedia(BaseModel):
    """A file that a report names. `expected` 待上传: its sender may still send it; `missing` 缺失: it never came, or is
    gone.
    """

    id: UUID
    state: Literal["stored", "expected", "missing"]
    media_type: str | None = None
    bytes: int | None = None
    uploaded_at: datetime | None = None


async def media(pool: Pool, who: Principal, media_id: UUID) -> Media:
    """For staff who may read media and for the app that sent it. Raises MediaNotFound, for others as well."""
    found = await store.find(pool, media_id)
    if found is None or not (found.uploaded_by == who.subject or "media:read" in who.actions):
        raise MediaNotFound(f"there is no media {media_id} for this caller")
    return found


async def linked_media(pool: Pool, media_id: UUID) -> Media:
    """For whoever has a valid link. Raises MediaNotFound."""
    found = await store.find(pool, media_id)
    if found is None:
        raise MediaNotFound(f"there is no media {media_id} any more")
    return found


async def content(files: MediaFiles, of: Media, part: tuple[int, int] | None = None) -> Content:
    """The file, or the bytes of it from `part[0]` to before `part[1]`. Raises MediaNotFound, MediaStoreAway."""
    parts = await files.get(of.stored_as, part)
    if parts is None:
        raise MediaNotFound(f"the content of {of.id} is gone from the media store")
    return Content(of, parts)


async def media_of_report(pool: Pool, who: Principal, report_id: UUID) -> list[ReportMedia]:
    """What the report names, in its order. Raises what looking at the report raises."""
    await find_report(pool, who, report_id)
    async with pool.acquire() as connection:
        ids = await store.media_of_report(connection, report_id)
        stored = await store.find_all(connection, ids)
        awaited = await store.awaited(connection, ids)
    return [_state(media_id, stored.get(media_id), media_id in awaited) for media_id in ids]


def _state(media_id: UUID, stored: Media | None, awaited: bool) -> ReportMedia:
    if stored is None:
        return ReportMedia(id=media_id, state="expected" if awaited else "missing")
    return ReportMedia(
        id=media_id,
        state="stored",
        media_type=stored.media_type,
        bytes=stored.size,
        uploaded_at=stored.uploaded_at,
    )
