"""What is written of requests beside the reports themselves: steps of their cases, clients' comments."""

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


class Comment(NamedTuple):
    """What a client added to a request, in the order of the statement's parameters. `asked` is what it is recognised by
    when it is sent again; `sealed` names the person.
    """

    id: UUID
    report_id: UUID
    caller: str
    client_id: str
    at: datetime
    status: str
    description: str
    media_url: str | None
    asked: bytes
    sealed: bytes | None


class Update(NamedTuple):
    """A step or a comment of one request. A comment has no case, and `said` is its text."""

    report_id: UUID
    at: datetime
    case_id: UUID | None
    version: int
    comment_id: UUID | None
    act: str | None
    status: str
    unit: str | None
    said: str | None
    media_url: str | None


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
ADD_COMMENT = """
    INSERT INTO intake.open311_comments
           (id, report_id, caller, client_id, at, status, description, media_url, asked, sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (caller, client_id) DO NOTHING
    RETURNING id
"""
COMMENT = "SELECT id, asked FROM intake.open311_comments WHERE caller = $1 AND client_id = $2"

_STEP_PART = """
    SELECT q.report_id, u.at, u.case_id, u.version, NULL::uuid AS comment_id, u.act, u.status, u.unit, u.said,
           NULL::text AS media_url
      FROM intake.open311_updates u JOIN intake.open311_requests q ON q.case_id = u.case_id
     WHERE u.at >= $1 AND u.at < $2 AND u.act <> 'open'"""
_COMMENT_PART = """
    SELECT c.report_id, c.at, NULL::uuid, 0, c.id, NULL, c.status, NULL, c.description, c.media_url
      FROM intake.open311_comments c JOIN intake.reports r ON r.id = c.report_id
     WHERE c.at >= $1 AND c.at < $2"""
_ORDER_PART = "ORDER BY at, case_id, version, comment_id, report_id"
UPDATES = f"""
    SELECT * FROM (
        ({_STEP_PART} AND {prefix_sql("q.area", "$3")} {_ORDER_PART} LIMIT ($4::bigint + $5::bigint))
        UNION ALL
        ({_COMMENT_PART} AND {prefix_sql("r.routing_key", "$3")} ORDER BY c.at, c.id LIMIT ($4::bigint + $5::bigint))
    ) AS f {_ORDER_PART} LIMIT $4::bigint OFFSET $5::bigint
"""
COUNT_UPDATES = f"""
    SELECT (SELECT count(*) FROM ({_STEP_PART} AND {prefix_sql("q.area", "$3")}) AS s)
         + (SELECT count(*) FROM ({_COMMENT_PART} AND {prefix_sql("r.routing_key", "$3")}) AS c)
"""
UPDATES_OF = f"""
    SELECT * FROM (
        ({_STEP_PART} AND {prefix_sql("q.area", "$3")} AND q.report_id = ANY ($4::uuid[]))
        UNION ALL
        ({_COMMENT_PART} AND {prefix_sql("r.routing_key", "$3")} AND c.report_id = ANY ($4::uuid[]))
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


async def add_comment(connection: Connection | Pool, comment: Comment) -> tuple[UUID, bytes]:
    """Id and `asked` of the comment of that name: this one, or the one that was there before it."""
    if await connection.fetchval(ADD_COMMENT, *comment) is not None:
        return comment.id, comment.asked
    row = await connection.fetchrow(COMMENT, comment.caller, comment.client_id)
    assert row is not None
    return row[0], row[1]


async def updates(
    connection: Connection, at: tuple[datetime, datetime], area: str, limit: int, offset: int
) -> list[Update]:
    """Steps and comments from `at[0]` until before `at[1]`, the first one first."""
    return [Update(*row) for row in await connection.fetch(UPDATES, *at, area, limit, offset)]


async def count_updates(connection: Connection, at: tuple[datetime, datetime], area: str) -> int:
    return int(await connection.fetchval(COUNT_UPDATES, *at, area))


async def updates_of(
    connection: Connection, at: tuple[datetime, datetime], area: str, ids: Sequence[UUID]
) -> list[Update]:
    """The same of these requests alone."""
    return [Update(*row) for row in await connection.fetch(UPDATES_OF, *at, area, list(ids))]
