"""What is known of stored files; the files themselves lie in the media store."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.intake.domain.media import Media, Spot
from shared.postgres import Connection, Pool

# Media that was awaited is named already: what awaited it did so.
ADD = """
    WITH awaited AS (DELETE FROM intake.media_expected WHERE media_id = $1::uuid RETURNING media_id)
    INSERT INTO intake.media (id, media_type, bytes, sha256, uploaded_by, uploaded_at, stored_as, width, height,
                              lon, lat, taken_at, named_at)
    SELECT $1::uuid, $2::text, $3::bigint, $4::bytea, $5::text, $6::timestamptz, $7::text, $8::int, $9::int,
           $10::float8, $11::float8, $12::timestamptz,
           CASE WHEN EXISTS (SELECT FROM awaited) THEN $6::timestamptz END
"""
FIND = """
    SELECT id, media_type, bytes, sha256, uploaded_by, uploaded_at, coalesce(stored_as, id::text), width, height,
           lon, lat, taken_at
      FROM intake.media WHERE id = ANY($1::uuid[])
"""
# Held first, in their order: a row that a sweep is deleting at this moment is waited for, and then is not there; of two
# who name the same row one waits for the other.
NAME = """
    WITH held AS MATERIALIZED (
        SELECT id FROM intake.media WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
    ), named AS (
        UPDATE intake.media SET named_at = $2 WHERE id IN (SELECT id FROM held) AND named_at IS NULL
    )
    SELECT asked.id, e.media_id IS NOT NULL, e.caller
      FROM unnest($1::uuid[]) AS asked (id) LEFT JOIN intake.media_expected e ON e.media_id = asked.id
     WHERE asked.id NOT IN (SELECT id FROM held)
"""
EXPECT = """
    INSERT INTO intake.media_expected (media_id, caller, until)
    SELECT DISTINCT id, $2::text, $3::timestamptz FROM unnest($1::uuid[]) AS asked (id)
     WHERE NOT EXISTS (SELECT FROM intake.media m WHERE m.id = asked.id) ORDER BY 1
    ON CONFLICT (media_id) DO UPDATE SET until = greatest(media_expected.until, excluded.until)
"""
EXPECTED_BY = "SELECT caller FROM intake.media_expected WHERE media_id = $1"
AWAITED = "SELECT media_id FROM intake.media_expected WHERE media_id = ANY($1::uuid[])"
# The index holds unnamed files only; counting stops one above what is allowed.
UNNAMED = """
    SELECT count(*) FROM (SELECT FROM intake.media WHERE uploaded_by = $1 AND named_at IS NULL LIMIT $2 + 1) AS few
"""
# Media that came at the very moment at which it was named: whoever named it did not see it, nor was it seen as awaited.
NAME_AWAITED = """
    WITH came AS (
        DELETE FROM intake.media_expected e USING intake.media m WHERE m.id = e.media_id RETURNING e.media_id
    )
    UPDATE intake.media SET named_at = $1 WHERE id IN (SELECT media_id FROM came) AND named_at IS NULL
"""
# What a device wrote into its file of place and time; the index holds what still has it.
_OFFERED_PART = "SET lon = NULL, lat = NULL, taken_at = NULL"
_HAS_OFFERED_PART = "(lon IS NOT NULL OR taken_at IS NOT NULL)"
FORGET_OFFERED = f"""
    UPDATE intake.media {_OFFERED_PART} WHERE {_HAS_OFFERED_PART} AND id = ANY(ARRAY(
        SELECT id FROM intake.media WHERE {_HAS_OFFERED_PART} AND uploaded_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
"""
FORGET_OFFERED_OF = f"UPDATE intake.media {_OFFERED_PART} WHERE id = ANY($1::uuid[]) AND {_HAS_OFFERED_PART}"
DROP = "DELETE FROM intake.media WHERE id = ANY($1::uuid[])"
NAMED_BY = """
    SELECT jsonb_array_elements_text(details -> 'media')::uuid AS id FROM intake.reports WHERE id = ANY($1::uuid[])
     UNION SELECT unnest(media) FROM intake.additions WHERE report_id = ANY($1::uuid[])
     UNION SELECT unnest(media) FROM intake.activities WHERE id = ANY($2::uuid[])
     ORDER BY id
"""
MEDIA_OF_REPORT = "SELECT details -> 'media' FROM intake.reports WHERE id = $1"
# One statement: whoever names a row at this moment holds it, and the sweep lets it be.
TAKE_UNNAMED = """
    DELETE FROM intake.media WHERE named_at IS NULL AND id = ANY(ARRAY(
        SELECT id FROM intake.media WHERE named_at IS NULL AND uploaded_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING coalesce(stored_as, id::text)
"""
DROP_EXPECTED = """
    DELETE FROM intake.media_expected WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM intake.media_expected WHERE until < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
"""
CLAIM_LISTING = "UPDATE intake.media_sweep SET listed_at = $1 WHERE listed_at < $2 RETURNING one"
UNKNOWN_FILES = """
    SELECT name FROM unnest($1::text[], $2::uuid[]) AS f (name, id)
     WHERE NOT EXISTS (SELECT FROM intake.media m WHERE m.id = f.id AND coalesce(m.stored_as, m.id::text) = f.name)
"""


class Absent(NamedTuple):
    """Media that something names and that is not there; `caller` is who said that it would come, None: nobody alone."""

    id: UUID
    expected: bool
    caller: str | None


async def add(tx: Connection, media: Media) -> None:
    lon, lat = media.spot or (None, None)
    await tx.execute(ADD, *media[:9], lon, lat, media.taken_at)


async def find(connection: Connection | Pool, media_id: UUID) -> Media | None:
    return (await find_all(connection, [media_id])).get(media_id)


async def find_all(connection: Connection | Pool, ids: Sequence[UUID]) -> dict[UUID, Media]:
    rows = await connection.fetch(FIND, ids)
    return {row[0]: _media(row) for row in rows}


def _media(row: asyncpg.Record) -> Media:
    media = Media(*row[:7])
    spot = None if row["lon"] is None else Spot(row["lon"], row["lat"])
    return media._replace(width=row["width"], height=row["height"], spot=spot, taken_at=row["taken_at"])


async def name(connection: Connection | Pool, ids: Sequence[UUID], at: datetime) -> list[Absent]:
    """Note that something names `ids`; those that are not there."""
    return [Absent(*row) for row in await connection.fetch(NAME, ids, at)]


async def expect(connection: Connection | Pool, ids: Sequence[UUID], caller: str | None, until: datetime) -> None:
    """Await `ids` until then, from `caller`; None: from anyone."""
    await connection.execute(EXPECT, ids, caller, until)


async def expected_by(connection: Connection | Pool, media_id: UUID) -> str | None:
    """Who alone may send this media; None: anyone."""
    caller: str | None = await connection.fetchval(EXPECTED_BY, media_id)
    return caller


async def awaited(connection: Connection | Pool, ids: Sequence[UUID]) -> set[UUID]:
    """Those of `ids` that may still come."""
    return {row[0] for row in await connection.fetch(AWAITED, ids)}


async def unnamed(connection: Connection | Pool, caller: str, most: int) -> int:
    """How many of `caller`'s files nothing names, counted up to `most` + 1."""
    return int(await connection.fetchval(UNNAMED, caller, most))


async def media_of_report(connection: Connection | Pool, report_id: UUID) -> list[UUID]:
    found = await connection.fetchval(MEDIA_OF_REPORT, report_id)
    return [UUID(each) for each in found or ()]


async def named_by(tx: Connection, reports: Sequence[UUID], activities: Sequence[UUID]) -> list[UUID]:
    """What these reports, additions to them and these activities name."""
    return [row[0] for row in await tx.fetch(NAMED_BY, reports, activities)]


async def forget_offered_of(tx: Connection, ids: Sequence[UUID]) -> None:
    """Take from these what their device wrote of place and time."""
    await tx.execute(FORGET_OFFERED_OF, ids)


async def forget_offered(tx: Connection, before: datetime, most: int) -> int:
    """The same of such as came before then; how many it were."""
    return int((await tx.execute(FORGET_OFFERED, before, most)).removeprefix("UPDATE "))


async def drop(tx: Connection, ids: Sequence[UUID]) -> None:
    """Forget these; a sweep deletes the files, which no row knows then."""
    await tx.execute(DROP, ids)


async def name_awaited(tx: Connection, at: datetime) -> None:
    await tx.execute(NAME_AWAITED, at)


async def take_unnamed(tx: Connection, before: datetime, most: int) -> list[str]:
    """Forget files that came before then and that nothing names; under which names they are stored."""
    return [row[0] for row in await tx.fetch(TAKE_UNNAMED, before, most)]


async def drop_expected(tx: Connection, before: datetime, most: int) -> None:
    await tx.execute(DROP_EXPECTED, before, most)


async def claim_listing(tx: Connection, now: datetime, before: datetime) -> bool:
    """Whether the media store was last listed before then; if so, now counts as that time."""
    return await tx.fetchval(CLAIM_LISTING, now, before) is not None


async def unknown_files(connection: Connection | Pool, files: Sequence[tuple[str, UUID]]) -> list[str]:
    """Those of (name, the media's id in it) that no row knows."""
    names, ids = [name for name, _ in files], [media_id for _, media_id in files]
    return [row[0] for row in await connection.fetch(UNKNOWN_FILES, names, ids)]
