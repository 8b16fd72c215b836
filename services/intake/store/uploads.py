"""Uploads under way: how much of each is durable, and under which names its parts lie in the media store."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.intake.domain.upload import Upload
from shared.postgres import Connection, Pool

ADD = """
    INSERT INTO intake.uploads (id, length, received, uploaded_by, expires_at, done) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (id) DO NOTHING
"""
FIND = "SELECT id, length, received, uploaded_by, expires_at, done FROM intake.uploads WHERE id = $1"
LOCK = f"{FIND} FOR UPDATE"
SAVE = "UPDATE intake.uploads SET received = $2, expires_at = $3, done = $4 WHERE id = $1"
ADD_PART = "INSERT INTO intake.upload_parts (upload_id, start, stored_as) VALUES ($1, $2, $3)"
PARTS = "SELECT stored_as FROM intake.upload_parts WHERE upload_id = $1 ORDER BY start"
DROP_PARTS = "DELETE FROM intake.upload_parts WHERE upload_id = $1"
DROP = "DELETE FROM intake.uploads WHERE id = $1"
OPEN = "SELECT count(*) FROM intake.uploads WHERE uploaded_by = $1 AND NOT done"
EXPIRED = "SELECT id FROM intake.uploads WHERE expires_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"
UNKNOWN_PARTS = """
    SELECT name FROM unnest($1::text[], $2::uuid[]) AS f (name, id)
     WHERE NOT EXISTS (SELECT FROM intake.upload_parts p WHERE p.upload_id = f.id AND p.stored_as = f.name)
"""


async def add(tx: Connection, upload: Upload) -> None:
    """Nothing happens if there is one with this id."""
    await tx.execute(ADD, *upload)


async def find(connection: Connection | Pool, upload_id: UUID) -> Upload | None:
    row = await connection.fetchrow(FIND, upload_id)
    return None if row is None else Upload(*row)


async def lock(tx: Connection, upload_id: UUID) -> Upload | None:
    row = await tx.fetchrow(LOCK, upload_id)
    return None if row is None else Upload(*row)


async def save(tx: Connection, upload: Upload) -> None:
    await tx.execute(SAVE, upload.id, upload.received, upload.expires_at, upload.done)


async def add_part(tx: Connection, upload_id: UUID, start: int, stored_as: str) -> None:
    await tx.execute(ADD_PART, upload_id, start, stored_as)


async def parts(connection: Connection | Pool, upload_id: UUID) -> list[str]:
    """The names that its parts are stored under, in order."""
    return [row[0] for row in await connection.fetch(PARTS, upload_id)]


async def drop_parts(tx: Connection, upload_id: UUID) -> None:
    await tx.execute(DROP_PARTS, upload_id)


async def drop(tx: Connection, upload_id: UUID) -> None:
    """Forget the upload and its parts."""
    await tx.execute(DROP_PARTS, upload_id)
    await tx.execute(DROP, upload_id)


async def open_of(connection: Connection | Pool, caller: str) -> int:
    return int(await connection.fetchval(OPEN, caller))


async def expired(tx: Connection, now: datetime, most: int) -> list[UUID]:
    return [row[0] for row in await tx.fetch(EXPIRED, now, most)]


async def unknown_parts(connection: Connection | Pool, files: Sequence[tuple[str, UUID]]) -> list[str]:
    """Those of (name, the upload's id in it) that no row knows."""
    names, ids = [name for name, _ in files], [upload_id for _, upload_id in files]
    return [row[0] for row in await connection.fetch(UNKNOWN_PARTS, names, ids)]
