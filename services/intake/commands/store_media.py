"""Store media: look at the first bytes, keep the file, then the row that makes it known.

The file comes first, under a name nobody knows yet: a crash in between leaves a file without a row, never the reverse.
With an Idempotency-Key the same file sent again is the media it was before.
"""

import asyncio
import hashlib
from typing import BinaryIO
from uuid import UUID

import filetype  # type: ignore[import-untyped]
from obstore.store import LocalStore

from services.intake.domain.media import TAKEN, Media, MediaTooLarge, MediaTypeRefused, NoFile
from services.intake.store import media as store
from shared.auth import Principal, authorize
from shared.idempotency import InFlight, Stored, find, request_hash, same_request, save
from shared.kernel.clock import Clock
from shared.kernel.ids import uuid7
from shared.postgres import Pool, transaction

SCHEMA = "intake"
PATH = "/v1/media"

# Enough for every signature that is looked for.
_HEAD = 8192


async def store_media(
    pool: Pool, folder: LocalStore, clock: Clock, who: Principal, file: BinaryIO, *, most: int, key: str | None = None
) -> Media:
    """Raises NoFile, MediaTooLarge, MediaTypeRefused, KeyReused; `file` is read from its start. `key` is the caller's
    Idempotency-Key.
    """
    authorize(who, "media:create")
    size, digest, media_type = await asyncio.to_thread(_look, file, most)
    # The content, not the body: a multipart body is another each time it is sent.
    asked = request_hash("POST", PATH, digest)
    if key is not None and (before := await _stored_before(pool, who, key, asked)):
        return before
    media = Media(uuid7(), media_type, size, digest, who.subject, clock())
    await folder.put_async(str(media.id), file)
    try:
        async with transaction(pool) as tx:
            await store.add(tx, media)
            if key is not None:
                await save(tx, SCHEMA, who.subject, key, Stored(asked, 201, None, media.id.bytes))
    except InFlight:
        await folder.delete_async(str(media.id))
        if key is not None and (before := await _stored_before(pool, who, key, asked)):
            return before
        raise
    return media


async def _stored_before(pool: Pool, who: Principal, key: str, asked: bytes) -> Media | None:
    async with transaction(pool) as tx:
        answered = await find(tx, SCHEMA, who.subject, key)
        return answered and await store.find(tx, UUID(bytes=same_request(answered, asked).body))


def _look(file: BinaryIO, most: int) -> tuple[int, bytes, str]:
    """Size, SHA-256 and media type; leaves the file at its start."""
    file.seek(0)
    head = file.read(_HEAD)
    digest, size = hashlib.sha256(head), len(head)
    while part := file.read(1 << 20):
        size += len(part)
        digest.update(part)
    file.seek(0)
    if size == 0:
        raise NoFile("the file is empty")
    if size > most:
        raise MediaTooLarge(f"{size:,} bytes; a file may have {most:,}", facts={"limit_bytes": most})
    return size, digest.digest(), _media_type(head)


def _media_type(head: bytes) -> str:
    found = filetype.guess(head)
    media_type: str | None = None if found is None else _USUAL.get(found.mime, found.mime)
    if media_type is None or media_type not in TAKEN:
        known = "not recognised" if media_type is None else media_type
        raise MediaTypeRefused(
            f"by its content the file is {known}; taken are {', '.join(sorted(TAKEN))}", facts={"found": media_type}
        )
    return media_type


# What filetype calls differently from the registry of media types.
_USUAL = {
    "audio/x-wav": "audio/wav",
    "audio/m4a": "audio/mp4",
    "video/x-m4v": "video/mp4",
    "image/heif": "image/heic",
}
