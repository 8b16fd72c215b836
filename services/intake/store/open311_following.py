"""What follows a request: the steps of its case, written as they are heard, and what was added to it; both told."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.kernel.area import prefix_sql
from shared.postgres import Connection, Pool


class Step(NamedTuple):
    """A told step of a case, in the order of the statement's parameters."""

    case_id: UUID
    version: int
    at: datetime
    act: str
    status: str
    unit: str | None
    due_at: datetime | None
    said: str | None


class Move(NamedTuple):
    """A report's case begins or ends, or is another from now on."""

    report_id: UUID
    case_id: UUID
    handed: bool
    open: bool
    category: str


class Update(NamedTuple):
    """A step of a request's case, or an addition to the request: that has no case, and `said` is its text, `media` its
    files.
    """

    report_id: UUID
    at: datetime
    case_id: UUID | None
    version: int
    addition_id: UUID | None
    act: str | None
    status: str | None
    unit: str | None
    said: str | None
    media: list[UUID] | None


ADD_STEPS = """
    INSERT INTO intake.open311_updates (case_id, version, at, act, status, unit, due_at, said)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                         $7::timestamptz[], $8::text[])
    ON CONFLICT DO NOTHING
"""
# Which of two cases counts is the rule of `shared.contracts.handover`, as in SAVE_STATUS of the reports.
MOVE = """
    INSERT INTO intake.open311_requests AS q (report_id, case_id, handed, open, category, area, lon, lat)
    SELECT m.report_id, m.case_id, m.handed, m.open, m.category, r.routing_key, r.lon, r.lat
      FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::boolean[], $5::text[])
           AS m (report_id, case_id, handed, open, category)
      JOIN intake.reports r ON r.id = m.report_id
     ORDER BY m.report_id
    ON CONFLICT (report_id) DO UPDATE
       SET case_id = excluded.case_id, open = excluded.open, category = excluded.category,
           handed = excluded.handed OR (q.handed AND q.case_id = excluded.case_id)
     WHERE q.case_id IS NULL OR q.case_id = excluded.case_id OR excluded.handed
        OR (NOT q.handed AND q.case_id < excluded.case_id)
"""
# The reports behind the mark that are older than `$1`: those without a row get one. Only one process at a time.
SETTLE = """
    WITH head AS (
        SELECT upto FROM intake.open311_settled FOR UPDATE SKIP LOCKED
    ), part AS MATERIALIZED (
        SELECT r.id, r.category, r.routing_key, r.lon, r.lat
          FROM head, LATERAL (
               SELECT * FROM intake.reports WHERE id > head.upto AND id < $1 ORDER BY id LIMIT $2) AS r
    ), added AS (
        INSERT INTO intake.open311_requests (report_id, case_id, open, category, area, lon, lat)
        SELECT p.id, s.case_id, coalesce(s.status, '') <> ALL ($3::text[]), p.category, p.routing_key, p.lon, p.lat
          FROM part p LEFT JOIN intake.report_status s ON s.report_id = p.id
         WHERE NOT EXISTS (SELECT FROM intake.open311_requests q WHERE q.report_id = p.id)
         ORDER BY p.id
        ON CONFLICT DO NOTHING
    ), moved AS (
        UPDATE intake.open311_settled SET upto = (SELECT id FROM part ORDER BY id DESC LIMIT 1)
         WHERE EXISTS (SELECT FROM part)
    )
    SELECT count(*) FROM part
"""
_STEP_PART = """
    SELECT q.report_id, u.at, u.case_id, u.version, NULL::uuid AS addition_id, u.act, u.status, u.unit, u.said,
           NULL::uuid[] AS media
      FROM intake.open311_updates u JOIN intake.open311_requests q ON q.case_id = u.case_id
     WHERE u.at >= $1 AND u.at < $2 AND u.act <> 'open'"""
_ADDED_PART = """
    SELECT a.report_id, a.added_at, NULL::uuid, 0, a.id, NULL, NULL, NULL, a.said, a.media
      FROM intake.additions a JOIN intake.reports r ON r.id = a.report_id
     WHERE a.added_at >= $1 AND a.added_at < $2"""
# Additions have no index by their time: their ids are UUIDv7, and bound it.
_ORDER_PART = "ORDER BY at, case_id, version, addition_id, report_id"
UPDATES = f"""
    SELECT * FROM (
        ({_STEP_PART} AND {prefix_sql("q.area", "$3")} {_ORDER_PART} LIMIT ($4::bigint + $5::bigint))
        UNION ALL
        ({_ADDED_PART} AND {prefix_sql("r.routing_key", "$3")}
          AND a.id >= $6 AND a.id < $7 ORDER BY a.added_at, a.id LIMIT ($4::bigint + $5::bigint))
    ) AS f {_ORDER_PART} LIMIT $4::bigint OFFSET $5::bigint
"""
COUNT_UPDATES = f"""
    SELECT (SELECT count(*) FROM ({_STEP_PART} AND {prefix_sql("q.area", "$3")}) AS s)
         + (SELECT count(*) FROM ({_ADDED_PART} AND {prefix_sql("r.routing_key", "$3")}
                                     AND a.id >= $4 AND a.id < $5) AS a)
"""
UPDATES_OF = f"""
    SELECT * FROM (
        ({_STEP_PART} AND {prefix_sql("q.area", "$3")} AND q.report_id = ANY ($4::uuid[]))
        UNION ALL
        ({_ADDED_PART} AND {prefix_sql("r.routing_key", "$3")} AND a.report_id = ANY ($4::uuid[]))
    ) AS f {_ORDER_PART}
"""


async def add_steps(tx: Connection, steps: Sequence[Step]) -> None:
    """A step that is there already changes nothing."""
    await tx.execute(ADD_STEPS, *zip(*steps, strict=True))


async def move(tx: Connection, moves: Sequence[Move]) -> None:
    """Each report once, in the order of the ids; reports that are not ours are left out."""
    await tx.execute(MOVE, *zip(*moves, strict=True))


async def settle(connection: Connection | Pool, before: UUID, most: int, ended: Sequence[str]) -> int:
    """How many reports were looked at: fewer than `most` when there are no more, or another process is at it."""
    return int(await connection.fetchval(SETTLE, before, most, ended))


async def updates(
    connection: Connection, at: tuple[datetime, datetime], ids: tuple[UUID, UUID], area: str, limit: int, offset: int
) -> list[Update]:
    """Steps and additions from `at[0]` until before `at[1]`, the first one first; `ids` bound those of additions."""
    return [Update(*row) for row in await connection.fetch(UPDATES, *at, area, limit, offset, *ids)]


async def count_updates(
    connection: Connection, at: tuple[datetime, datetime], ids: tuple[UUID, UUID], area: str
) -> int:
    return int(await connection.fetchval(COUNT_UPDATES, *at, area, *ids))


async def updates_of(
    connection: Connection, at: tuple[datetime, datetime], area: str, ids: Sequence[UUID]
) -> list[Update]:
    """The same of these requests alone."""
    return [Update(*row) for row in await connection.fetch(UPDATES_OF, *at, area, list(ids))]
