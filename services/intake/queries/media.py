"""Stored files, for those who may look at them."""

from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import UUID

from obstore.store import LocalStore

from services.intake.domain.media import Media, MediaNotFound
from services.intake.store import media as store
from shared.auth import Principal
from shared.postgres import Pool


class Content(NamedTuple):
    """A file on its way out."""

    media: Media
    parts: AsyncIterator[bytes]


async def media(pool: Pool, folder: LocalStore, who: Principal, media_id: UUID) -> Content:
    """The file, for staff who may read media and for the app that sent it. Raises MediaNotFound, for others as well."""
    found = await store.find(pool, media_id)
    if found is None or not (found.uploaded_by == who.subject or "media:read" in who.actions):
        raise MediaNotFound(f"there is no media {media_id} for this caller")
    try:
        got = await folder.get_async(str(media_id))
    except FileNotFoundError:
        raise MediaNotFound(f"the content of {media_id} is gone from the media folder") from None

    async def parts() -> AsyncIterator[bytes]:
        async for part in got.stream(min_chunk_size=256 << 10):
            yield bytes(part)

    return Content(found, parts())
