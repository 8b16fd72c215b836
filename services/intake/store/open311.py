"""What Open311's readers are shown: requests by id, time, service and status, always by an index.

Requests that are not settled yet (the last minute's, as a rule) have no row among them unless their case has begun;
every list looks for them among the reports behind the settled mark.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.store.open311_sql import (
    BY_CATEGORY_PART,
    BY_STATUS_PART,
    BY_TIME_PART,
    FEW,
    NEAR,
    NEAR_PART,
    counted,
    listed,
)
from shared.kernel.area import prefix_sql
from shared.postgres import Connection, Pool


class Asked(NamedTuple):
    """What a list is asked for. `start` and `end` bound the ids; `box` is west, south, east, north; None: no matter.

    `few`: not many lie in the box, see `few_in`.
    """

    start: UUID
    end: UUID
    area: str = ""
    box: tuple[float, float, float, float] | None = None
    categories: Sequence[str] | None = None
    opens: Sequence[bool] | None = None
    few: bool = False


class Shown(NamedTuple):
    """A request as it is told. What is of its case is None until there is one; `merged_into` is the first report of
    the matter, whose case it shares, and `merged_at` since when: None for one that has its own.
    """

    id: UUID
    category: str
    description: str
    lon: float
    lat: float
    area: str
    details: dict[str, Any] | None
    caller: str
    case_id: UUID | None
    open: bool
    at: datetime | None
    act: str | None
    status: str | None
    unit: str | None
    due_at: datetime | None
    said: str | None
    merged_into: UUID | None
    merged_at: datetime | None


class Noted(NamedTuple):
    """A step of a request's case."""

    report_id: UUID
    at: datetime
    act: str
    status: str
    unit: str | None
    said: str | None


LIST, COUNT = listed(BY_TIME_PART), counted(BY_TIME_PART)
LIST_STATUS, COUNT_STATUS = listed(BY_STATUS_PART), counted(BY_STATUS_PART)
LIST_CATEGORY, COUNT_CATEGORY = listed(BY_CATEGORY_PART), counted(BY_CATEGORY_PART)
LIST_NEAR, COUNT_NEAR = listed(NEAR_PART), counted(NEAR_PART)

# Each case once, by its last told step; what has no case was last changed when it came in.
_STEPPED_PART = f"""
    SELECT q.report_id AS id, u.at
      FROM intake.open311_updates u JOIN intake.open311_requests q ON q.case_id = u.case_id
     WHERE u.at >= $10 AND u.at < $11
       AND NOT EXISTS (SELECT FROM intake.open311_updates n WHERE n.case_id = u.case_id AND n.version > u.version)
       AND q.report_id >= $1 AND q.report_id < $2 AND {prefix_sql("q.area", "$3")}
       AND ($4::float8 IS NULL OR (q.lon BETWEEN $4 AND $6 AND q.lat BETWEEN $5 AND $7))
       AND ($8::text[] IS NULL OR q.category = ANY ($8)) AND ($9::boolean[] IS NULL OR q.open = ANY ($9))"""
_LONELY_PART = f"""
    SELECT q.report_id AS id, r.received_at AS at
      FROM intake.open311_requests q JOIN intake.reports r ON r.id = q.report_id
     WHERE q.case_id IS NULL AND q.report_id >= greatest($1::uuid, $12) AND q.report_id < least($2::uuid, $13)
       AND {prefix_sql("q.area", "$3")}
       AND ($4 IS NULL OR (q.lon BETWEEN $4 AND $6 AND q.lat BETWEEN $5 AND $7))
       AND ($8 IS NULL OR q.category = ANY ($8)) AND ($9 IS NULL OR q.open = ANY ($9))"""
_NEW_PART = f"""
    SELECT r.id, r.received_at AS at
      FROM intake.reports r
     WHERE r.id >= greatest($1::uuid, $12) AND r.id < least($2::uuid, $13)
       AND r.id > (SELECT upto FROM intake.open311_settled)
       AND NOT EXISTS (SELECT FROM intake.open311_requests q WHERE q.report_id = r.id)
       AND {prefix_sql("r.routing_key", "$3")}
       AND ($4 IS NULL OR (r.lon BETWEEN $4 AND $6 AND r.lat BETWEEN $5 AND $7))
       AND ($8 IS NULL OR r.category = ANY ($8)) AND ($9 IS NULL OR true = ANY ($9))"""
LIST_UPDATED = f"""
    SELECT id FROM (
        ({_STEPPED_PART} ORDER BY u.at DESC, q.report_id DESC LIMIT ($14::bigint + $15::bigint))
        UNION ALL
        ({_LONELY_PART} ORDER BY q.report_id DESC LIMIT ($14::bigint + $15::bigint))
        UNION ALL
        ({_NEW_PART} ORDER BY r.id DESC LIMIT ($14::bigint + $15::bigint))
    ) AS f ORDER BY at DESC, id DESC LIMIT $14::bigint OFFSET $15::bigint
"""
COUNT_UPDATED = f"""
    SELECT count(*) FROM ({_STEPPED_PART} UNION ALL {_LONELY_PART} UNION ALL {_NEW_PART}) AS f
"""

SHOW = """
    SELECT r.id, coalesce(q.category, r.category), r.description, r.lon, r.lat, r.routing_key, r.details, r.caller,
           q.case_id, coalesce(q.open, true), u.at, u.act, u.status, u.unit, u.due_at, u.said, m.cluster, m.merged_at
      FROM unnest($1::uuid[]) WITH ORDINALITY AS f (id, n)
      JOIN intake.reports r USING (id)
      LEFT JOIN intake.open311_requests q ON q.report_id = r.id
      LEFT JOIN intake.merged_reports m ON m.report_id = r.id AND m.unmerged_at IS NULL
      LEFT JOIN LATERAL (
           SELECT at, act, status, unit, due_at, said FROM intake.open311_updates
            WHERE case_id = q.case_id ORDER BY version DESC LIMIT 1) AS u ON true
     ORDER BY f.n
"""
NOTES = """
    SELECT q.report_id, u.at, u.act, u.status, u.unit, u.said
      FROM intake.open311_requests q JOIN intake.open311_updates u ON u.case_id = q.case_id
     WHERE q.report_id = ANY ($1::uuid[])
     ORDER BY u.case_id, u.version
"""
CHANGESET = "SELECT at, digest FROM intake.open311_changesets ORDER BY at DESC LIMIT 1"
ADD_CHANGESET = "INSERT INTO intake.open311_changesets (at, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING"


async def plan_each(tx: Connection) -> None:
    """Let each list of this transaction be planned for what it asks. The plan that serves any question would do for
    none: it cannot know that there is no box, that the area is the whole city, nor how few are wanted.
    """
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan")


async def few_in(connection: Connection, box: tuple[float, float, float, float]) -> bool:
    """Whether so few lie in `box` that it is best to take them all, and look at what else is asked of them."""
    return int(await connection.fetchval(NEAR, *box)) <= FEW


async def listed_ids(connection: Connection, asked: Asked, limit: int, offset: int) -> list[UUID]:
    """Ids of the requests asked for, the youngest first."""
    sql, given = _chosen(asked, LIST, LIST_STATUS, LIST_CATEGORY, LIST_NEAR)
    return [row[0] for row in await connection.fetch(sql, *given, limit, offset)]


async def counted_ids(connection: Connection, asked: Asked) -> int:
    sql, given = _chosen(asked, COUNT, COUNT_STATUS, COUNT_CATEGORY, COUNT_NEAR)
    return int(await connection.fetchval(sql, *given))


def _chosen(asked: Asked, plain: str, by_status: str, by_category: str, near: str) -> tuple[str, list[Any]]:
    given: list[Any] = [asked.start, asked.end, asked.area, *(asked.box or (None,) * 4)]
    if asked.few:
        return near, [*given, asked.categories, asked.opens]
    if asked.categories is not None:
        return by_category, [*given, asked.categories, asked.opens or [True, False]]
    if asked.opens is not None:
        return by_status, [*given, asked.opens]
    return plain, given


async def updated_ids(
    connection: Connection,
    asked: Asked,
    at: tuple[datetime, datetime],
    born: tuple[UUID, UUID],
    limit: int,
    offset: int,
) -> list[UUID]:
    """Those whose last told step lies in `at`, and those without a case whose id lies in `born`; the last first."""
    rows = await connection.fetch(LIST_UPDATED, *_updated(asked, at, born), limit, offset)
    return [row[0] for row in rows]


async def counted_updated(
    connection: Connection, asked: Asked, at: tuple[datetime, datetime], born: tuple[UUID, UUID]
) -> int:
    return int(await connection.fetchval(COUNT_UPDATED, *_updated(asked, at, born)))


def _updated(asked: Asked, at: tuple[datetime, datetime], born: tuple[UUID, UUID]) -> list[Any]:
    box = asked.box or (None,) * 4
    return [asked.start, asked.end, asked.area, *box, asked.categories, asked.opens, *at, *born]


async def show(connection: Connection | Pool, ids: Sequence[UUID]) -> list[Shown]:
    """Those of `ids` that there are, in their order."""
    return [Shown(*row) for row in await connection.fetch(SHOW, list(ids))]


async def notes(connection: Connection, ids: Sequence[UUID]) -> list[Noted]:
    """The steps of each one's case, in their order."""
    return [Noted(*row) for row in await connection.fetch(NOTES, list(ids))]


async def changeset(connection: Connection | Pool) -> tuple[datetime, bytes] | None:
    row = await connection.fetchrow(CHANGESET)
    return None if row is None else (row[0], row[1])


async def add_changeset(connection: Connection | Pool, at: datetime, digest: bytes) -> None:
    await connection.execute(ADD_CHANGESET, at, digest)
