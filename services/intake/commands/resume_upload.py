"""Resumable uploads: each part becomes a file of its own in the media store before its bytes count as received.

So any replica can go on where another was: what is durable stands in one row, which is locked for the moment in which a
part is added. Of two that send the same part one is told the offset of the other.
"""

import os
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg

from services.intake.commands.store_media import ACTION, Shelf, may_store, own_id, take_in
from services.intake.domain.media import MediaIdTaken, MediaTooLarge
from services.intake.domain.upload import (
    TooManyUploads,
    TooMuchSent,
    Upload,
    UploadNotFound,
    WrongOffset,
    goes_on_at,
)
from services.intake.store import media as media_store
from services.intake.store import uploads as store
from shared.auth import Principal, authorize
from shared.idempotency import InFlight, Stored, find, request_hash, same_request, save
from shared.kernel.errors import Refusal, Unavailable
from shared.kernel.ids import uuid7
from shared.postgres import Connection, transaction

SCHEMA = "intake"
PATH = "/v1/uploads"
# A long part is made durable bit by bit: a connection that breaks costs its client less than this.
PART = 1 << 20
# Uploads that one caller may have under way, each with a telephone behind it.
MOST_OPEN = 1_000


async def begin_upload(
    shelf: Shelf, who: Principal, length: int, *, media_id: UUID | None = None, key: str | None = None
) -> Upload:
    """An upload of `length` bytes, under way from its first byte. Asked again, with the same key or the same id, it is
    the one that was begun.

    Raises MediaTooLarge, TooManyUploads, TooManyUnnamed, KeyReused, and what `own_id` raises.
    """
    authorize(who, ACTION)
    if length > shelf.most:
        raise MediaTooLarge(f"{length:,} bytes; a file may have {shelf.most:,}", facts={"limit_bytes": shelf.most})
    asked = request_hash("POST", PATH, f"{length} {media_id}".encode())
    if begun := await _begun(shelf, who, key, asked, media_id):
        if begun.length != length:
            raise MediaIdTaken(f"{begun.id} was begun with {begun.length:,} bytes: make a new id")
        return begun
    if media_id is not None:
        stored = await own_id(shelf, who, media_id)
        if stored is not None:
            raise MediaIdTaken(f"{media_id} was uploaded before, whole: name it in a report")
    await may_store(shelf, who)
    if await store.open_of(shelf.pool, who.subject) >= MOST_OPEN:
        raise TooManyUploads(f"{MOST_OPEN:,} uploads are open: end some of them", facts={"retry_after": 60})
    upload = Upload(media_id or uuid7(), length, 0, who.subject, shelf.clock() + shelf.upload_for, False)
    try:
        async with transaction(shelf.pool) as tx:
            await store.add(tx, upload)
            if key is not None:
                await save(tx, SCHEMA, who.subject, key, Stored(asked, 201, None, upload.id.bytes))
    except InFlight:
        if begun := await _begun(shelf, who, key, asked, media_id):
            return begun
        raise
    return await find_upload(shelf, who, upload.id)


async def _begun(shelf: Shelf, who: Principal, key: str | None, asked: bytes, media_id: UUID | None) -> Upload | None:
    async with transaction(shelf.pool) as tx:
        if key is not None and (answered := await find(tx, SCHEMA, who.subject, key)):
            media_id = UUID(bytes=same_request(answered, asked).body)
        found = None if media_id is None else await store.find(tx, media_id)
    return found if found and found.uploaded_by == who.subject else None


async def find_upload(shelf: Shelf, who: Principal, upload_id: UUID) -> Upload:
    """The caller's own upload. Raises UploadNotFound, also for one that has expired."""
    authorize(who, ACTION)
    return _own(await store.find(shelf.pool, upload_id), who, shelf, upload_id)


async def resume_upload(
    shelf: Shelf, who: Principal, upload_id: UUID, offset: int, pieces: AsyncIterator[bytes]
) -> Upload:
    """Add what `pieces` yields from `offset` on; with its last byte the upload becomes media. What came is kept,
    wherever `pieces` ends.

    Raises UploadNotFound, WrongOffset, TooMuchSent, MediaStoreAway; with the last part what the sieve raises, and then
    the upload is forgotten.
    """
    upload = await find_upload(shelf, who, upload_id)
    goes_on_at(upload, offset)
    if upload.done:
        return upload
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if upload.received + len(waiting) > upload.length:
            raise TooMuchSent(f"Upload-Length is {upload.length:,}", facts={"offset": upload.received})
        while len(waiting) >= PART and upload.received + PART < upload.length:
            upload = await _keep(shelf, upload, bytes(waiting[:PART]))
            del waiting[:PART]
    if upload.received + len(waiting) == upload.length:
        return await _finish(shelf, who, upload, bytes(waiting))
    return await _keep(shelf, upload, bytes(waiting)) if waiting else upload


async def end_upload(shelf: Shelf, who: Principal, upload_id: UUID) -> None:
    """Give an upload up. Raises UploadNotFound."""
    await _forget(shelf, await find_upload(shelf, who, upload_id))


async def _keep(shelf: Shelf, upload: Upload, part: bytes) -> Upload:
    """The upload with `part` at its end, which is durable. Raises WrongOffset, UploadNotFound, MediaStoreAway."""
    stored_as = f"uploads/{upload.id}-{upload.received}-{os.urandom(4).hex()}"
    await shelf.files.put_whole(stored_as, part)
    try:
        async with transaction(shelf.pool) as tx:
            now = await _locked(tx, upload)
            goes_on_at(now, upload.received)
            now = now._replace(received=now.received + len(part), expires_at=shelf.clock() + shelf.upload_for)
            await store.add_part(tx, upload.id, upload.received, stored_as)
            await store.save(tx, now)
    except Refusal:
        await shelf.files.delete([stored_as])
        raise
    return now


async def _finish(shelf: Shelf, who: Principal, upload: Upload, last: bytes) -> Upload:
    names = await store.parts(shelf.pool, upload.id)
    try:
        media = await take_in(shelf, who, _whole(shelf, names, last), upload.id)
    except Unavailable:
        raise  # the last part does not count yet: the client sends it again
    except Refusal:
        await _forget(shelf, upload)
        raise
    try:
        async with transaction(shelf.pool) as tx:
            now = await _locked(tx, upload)
            goes_on_at(now, upload.received)
            now = now._replace(received=upload.length, done=True)
            await media_store.add(tx, media)
            await store.drop_parts(tx, upload.id)
            await store.save(tx, now)
    except (UploadNotFound, WrongOffset):
        await shelf.files.delete([media.stored_as])
        raise
    except asyncpg.UniqueViolationError:
        await shelf.files.delete([media.stored_as])
        raise MediaIdTaken(f"{upload.id} was sent in another way meanwhile") from None
    await shelf.files.delete(names)
    return now


async def _whole(shelf: Shelf, names: list[str], last: bytes) -> AsyncIterator[bytes]:
    for name in names:
        part = await shelf.files.get_whole(name)
        if part is None:
            raise WrongOffset("a part of the upload is gone from the media store: begin it anew", facts={"offset": 0})
        yield part
    if last:
        yield last


async def _locked(tx: Connection, upload: Upload) -> Upload:
    now = await store.lock(tx, upload.id)
    if now is None:
        raise UploadNotFound(f"the upload {upload.id} was ended")
    return now


async def _forget(shelf: Shelf, upload: Upload) -> None:
    async with transaction(shelf.pool) as tx:
        names = await store.parts(tx, upload.id)
        await store.drop(tx, upload.id)
    await shelf.files.delete(names)


def _own(upload: Upload | None, who: Principal, shelf: Shelf, upload_id: UUID) -> Upload:
    if upload is None or upload.uploaded_by != who.subject or upload.expires_at <= shelf.clock():
        raise UploadNotFound(f"there is no upload {upload_id} of this caller, or it has expired")
    return upload
