"""What is known of stored files; the files themselves lie in the media store."""

from collections.abc import Sequence
from uuid import UUID

from services.intake.domain.media import Media
from shared.postgres import Connection, Pool

ADD = """
    INSERT INTO intake.media (id, media_type, bytes, sha256, uploaded_by, uploaded_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
FIND = "SELECT id, media_type, bytes, sha256, uploaded_by, uploaded_at FROM intake.media WHERE id = $1"
MISSING = "SELECT asked FROM unnest($1::uuid[]) AS asked WHERE NOT EXISTS (SELECT FROM intake.media WHERE id = asked)"


async def add(tx: Connection, media: Media) -> None:
    await tx.execute(ADD, *media)


async def find(connection: Connection | Pool, media_id: UUID) -> Media | None:
    row = await connection.fetchrow(FIND, media_id)
    return None if row is None else Media(*row)


async def missing(connection: Connection | Pool, asked: Sequence[UUID]) -> set[UUID]:
    """Those of `asked` that no file was ever stored under."""
    return {row[0] for row in await connection.fetch(MISSING, list(asked))}
