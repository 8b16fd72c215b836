"""Store media: the file goes to the store as it comes, through the sieve, then the row that makes it known is written.

The file comes first, under a name nobody knows yet: a crash in between leaves a file without a row, which a sweep
finds, never the reverse. With an Idempotency-Key, or an id of the client's own, the same file sent again is the media
it was.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

import asyncpg

from services.intake.domain.media import (
    OWN_ID_FOR,
    BadMediaId,
    Media,
    MediaIdTaken,
    MediaTooLarge,
    TooManyUnnamed,
    may_be_made,
)
from services.intake.formats.sieve import Sieve, Sifted
from services.intake.media_files import MediaFiles
from services.intake.store import media as store
from shared.auth import Principal, authorize
from shared.idempotency import InFlight, Stored, find, request_hash, same_request, save
from shared.kernel.clock import Clock
from shared.kernel.errors import FieldError
from shared.kernel.ids import uuid7
from shared.postgres import Pool, transaction

ACTION = "media:create"
SCHEMA = "intake"
PATH = "/v1/media"
_UNNAMED_RETRY = 3600


@dataclass(frozen=True, slots=True)
class Shelf:
    """What storing media needs. `most`: bytes of a file; `unnamed_most`: files of one caller that nothing names;
    `upload_for`: how long an upload waits for its next part; `zone`: that of cameras whose clock does not say.
    """

    pool: Pool
    files: MediaFiles
    clock: Clock
    zone: tzinfo
    most: int
    unnamed_most: int
    upload_for: timedelta


async def store_media(
    shelf: Shelf, who: Principal, pieces: AsyncIterator[bytes], *, key: str | None = None, media_id: UUID | None = None
) -> Media:
    """Store the file that `pieces` yields. `key` is the caller's Idempotency-Key, `media_id` an id that it made itself.

    Raises NoFile, MediaTooLarge, MediaTypeRefused, MediaBroken, TooManyPixels, KeyReused, BadMediaId, MediaIdTaken,
    TooManyUnnamed, MediaStoreAway.
    """
    authorize(who, ACTION)
    if before := await _stored_before(shelf, who, key, media_id):
        return await _the_same(shelf, before, pieces)
    await may_store(shelf, who)
    media = await take_in(shelf, who, pieces, media_id or uuid7())
    asked = _asked(media)
    try:
        async with transaction(shelf.pool) as tx:
            await store.add(tx, media)
            if key is not None:
                await save(tx, SCHEMA, who.subject, key, Stored(asked, 201, None, media.id.bytes))
    except (InFlight, asyncpg.UniqueViolationError) as raced:
        await shelf.files.delete([media.stored_as])
        first = await _stored_before(shelf, who, key, media_id)
        if first is None:
            raise raced
        return _same_file(first, media.sha256)
    return media


async def take_in(shelf: Shelf, who: Principal, pieces: AsyncIterator[bytes], media_id: UUID) -> Media:
    """Put the file into the store, under a name of its own; no row knows it yet. Raises what the sieve raises, and
    MediaStoreAway.
    """
    sieve = Sieve(shelf.most, shelf.zone)
    stored_as = f"{media_id}-{os.urandom(4).hex()}"
    await shelf.files.put(stored_as, sieve.sift(pieces))
    return _media(media_id, stored_as, sieve.result, who, shelf.clock())


async def may_store(shelf: Shelf, who: Principal) -> None:
    """Raises TooManyUnnamed."""
    most = shelf.unnamed_most
    if await store.unnamed(shelf.pool, who.subject, most) >= most:
        raise TooManyUnnamed(
            f"{most:,} files of {who.subject} are named by no report: name them, or wait until they are swept",
            facts={"retry_after": _UNNAMED_RETRY, "limit": most},
        )


async def own_id(shelf: Shelf, who: Principal, media_id: UUID) -> Media | None:
    """The media that already has the id which the caller made, if it is the caller's.

    Raises BadMediaId for an id that no client may make, MediaIdTaken for one that is another's.
    """
    async with transaction(shelf.pool) as tx:
        stored = await store.find(tx, media_id)
        awaited_from = None if stored else await store.expected_by(tx, media_id)
    if (stored and stored.uploaded_by != who.subject) or (awaited_from and awaited_from != who.subject):
        raise MediaIdTaken(f"{media_id} is another caller's: make a new id")
    if stored is None and not may_be_made(media_id, shelf.clock()):
        words = f"a UUIDv7 made within the last {OWN_ID_FOR.days} days"
        raise BadMediaId(f"{media_id} is not {words}", errors=[FieldError("path media_id", f"must be {words}")])
    return stored


async def _stored_before(shelf: Shelf, who: Principal, key: str | None, media_id: UUID | None) -> "_Before | None":
    """What the key or the id stands for already. Raises what `own_id` raises."""
    if media_id is not None:
        stored = await own_id(shelf, who, media_id)
        return stored and _Before(stored, None)
    if key is None:
        return None
    async with transaction(shelf.pool) as tx:
        answered = await find(tx, SCHEMA, who.subject, key)
        stored = answered and await store.find(tx, UUID(bytes=answered.body))
    return _Before(stored, answered) if answered and stored else None


@dataclass(frozen=True, slots=True)
class _Before:
    """Media that was stored before, and the answer by its Idempotency-Key, where it is found by that."""

    media: Media
    answered: Stored | None


async def _the_same(shelf: Shelf, before: _Before, pieces: AsyncIterator[bytes]) -> Media:
    digest, size = hashlib.sha256(), 0
    async for piece in pieces:
        size += len(piece)
        if size > shelf.most:
            raise MediaTooLarge(f"a file may have {shelf.most:,} bytes", facts={"limit_bytes": shelf.most})
        digest.update(piece)
    return _same_file(before, digest.digest())


def _same_file(before: _Before, sha256: bytes) -> Media:
    """Raises KeyReused, MediaIdTaken."""
    if before.answered is not None:
        same_request(before.answered, request_hash("POST", PATH, sha256))
    elif before.media.sha256 != sha256:
        raise MediaIdTaken(f"{before.media.id} was sent before with another content: make a new id")
    return before.media


def _asked(media: Media) -> bytes:
    # The content, not the body: a multipart body is another each time it is sent.
    return request_hash("POST", PATH, media.sha256)


def _media(media_id: UUID, stored_as: str, file: Sifted, who: Principal, now: datetime) -> Media:
    return Media(
        media_id, file.media_type, file.size, file.sha256, who.subject, now, stored_as,
        file.width, file.height, file.spot, file.taken_at,
    )  # fmt: skip
