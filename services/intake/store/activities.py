"""Field work: written by the hundred in one statement, read page by page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.kernel.area import prefix_sql
from shared.postgres import Connection, Pool


class Row(NamedTuple):
    """An activity in the order of the statement's parameters. `lists`: grids, media, reports, and of a patrol track."""

    id: UUID
    kind: str
    worker: str
    post: str
    routing_key: str
    lon: float
    lat: float
    started_at: datetime
    ended_at: datetime
    recorded_at: datetime
    details: dict[str, Any]
    lists: dict[str, Any]
    sealed: bytes | None
    content: bytes
    subject: UUID | None


class Shown(NamedTuple):
    """An activity as it is read: everything but what is sealed."""

    id: UUID
    kind: str
    worker: str
    post: str
    routing_key: str
    grids: list[str]
    lon: float
    lat: float
    started_at: datetime
    ended_at: datetime
    recorded_at: datetime
    details: dict[str, Any]
    media: list[UUID]
    reports: list[UUID]


# Arrays of arrays cannot be unnested by row, so lists travel in a jsonb object. Ids in order: two statements never
# wait for each other in a circle.
ADD = """
    INSERT INTO intake.activities (id, kind, worker, post, routing_key, grids, lon, lat, started_at, ended_at,
                                   recorded_at, details, media, reports, track, sealed, content, subject)
    SELECT id, kind, worker, post, routing_key, ARRAY(SELECT jsonb_array_elements_text(lists -> 'grids')), lon, lat,
           started_at, ended_at, recorded_at, details,
           ARRAY(SELECT jsonb_array_elements_text(lists -> 'media')::uuid),
           ARRAY(SELECT jsonb_array_elements_text(lists -> 'reports')::uuid), lists -> 'track', sealed, content,
           subject
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::float8[],
                  $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::jsonb[], $12::jsonb[], $13::bytea[],
                  $14::bytea[], $15::uuid[])
        AS a (id, kind, worker, post, routing_key, lon, lat, started_at, ended_at, recorded_at, details, lists, sealed,
              content, subject)
     ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
"""
STANDING = (
    "SELECT id, routing_key, grids, recorded_at, details, content FROM intake.activities WHERE id = ANY($1::uuid[])"
)
PAST = """
    SELECT id, subject FROM intake.activities WHERE sealed IS NOT NULL AND started_at < $1 ORDER BY started_at LIMIT $2
"""
CLEAR = """
    UPDATE intake.activities SET sealed = NULL, subject = NULL WHERE id = ANY($1::uuid[]) AND sealed IS NOT NULL
    RETURNING id, routing_key
"""
CLEAR_SUBJECTS = """
    UPDATE intake.activities SET sealed = NULL, subject = NULL WHERE subject = ANY($1::uuid[])
    RETURNING id, routing_key
"""
# As `Found` in store/personal.py.
FIND_SEALED = """
    SELECT a.id, a.routing_key, a.sealed, a.subject, s.key,
           EXISTS (SELECT FROM intake.personal_log l
                    WHERE l.activity_id = a.id AND l.act IN ('erase', 'expire')) AS ended
      FROM intake.activities a LEFT JOIN intake.subjects s ON s.id = a.subject
     WHERE a.id = $1
"""
_SHOWN_PART = ", ".join(Shown._fields)
FIND = f"SELECT {_SHOWN_PART}, track FROM intake.activities WHERE id = $1"
PAGE = f"""
    SELECT {_SHOWN_PART} FROM intake.activities
     WHERE ($1::text IS NULL OR worker = $1) AND ($2::text IS NULL OR kind = $2)
       AND ($3::text = '' OR {prefix_sql("routing_key", "$3")})
       AND started_at >= coalesce($4::timestamptz, '-infinity') AND started_at < coalesce($5::timestamptz, 'infinity')
       AND ($6::timestamptz IS NULL OR (started_at, id) < ($6, $7::uuid))
     ORDER BY started_at DESC, id DESC LIMIT $8
"""


class Visited(NamedTuple):
    """An activity with what opens the personal part of it; None: not there, or no more. `ended`: erased or expired."""

    id: UUID
    routing_key: str
    sealed: bytes | None
    subject: UUID | None
    subject_key: bytes | None
    ended: bool


class Standing(NamedTuple):
    """What is known of an activity that stands already."""

    id: UUID
    routing_key: str
    grids: list[str]
    recorded_at: datetime
    details: dict[str, Any]
    content: bytes


async def add(tx: Connection, rows: Sequence[Row]) -> set[UUID]:
    """Store `rows`, each id once; the ids of those that were not there before."""
    return {row[0] for row in await tx.fetch(ADD, *zip(*rows, strict=True))}


async def standing(tx: Connection, ids: Sequence[UUID]) -> dict[UUID, Standing]:
    return {row["id"]: Standing(*row) for row in await tx.fetch(STANDING, list(ids))}


async def past(tx: Connection, before: datetime, most: int) -> list[tuple[UUID, UUID | None]]:
    """(activity, subject) of some that began before then and still have what names a person."""
    return [(row["id"], row["subject"]) for row in await tx.fetch(PAST, before, most)]


async def clear(tx: Connection, ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """Take what is sealed from these; (id, routing key) of each that had something."""
    return [(row["id"], row["routing_key"]) for row in await tx.fetch(CLEAR, ids)]


async def clear_subjects(tx: Connection, subjects: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """Take what is sealed from all that is under these subjects; (id, routing key) of each."""
    return [(row["id"], row["routing_key"]) for row in await tx.fetch(CLEAR_SUBJECTS, subjects)]


async def find_sealed(connection: Connection, activity_id: UUID) -> Visited | None:
    row = await connection.fetchrow(FIND_SEALED, activity_id)
    return None if row is None else Visited(*row)


async def find(connection: Connection | Pool, activity_id: UUID) -> tuple[Shown, list[Any] | None] | None:
    """The activity and its track: `[lon, lat, seconds]` a fix."""
    row = await connection.fetchrow(FIND, activity_id)
    return None if row is None else (Shown(*list(row)[:-1]), row["track"])


async def page(
    connection: Connection | Pool,
    *,
    worker: str | None,
    kind: str | None,
    area: str,
    since: datetime | None,
    until: datetime | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Shown]:
    """The newest first, from behind `before`."""
    place = before or (None, None)
    rows = await connection.fetch(PAGE, worker, kind, area, since, until, *place, limit)
    return [Shown(*row) for row in rows]
