"""Field work: kept by activity, counted by worker."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.kernel.area import prefix_sql
from shared.postgres import Connection, Pool

ADD = """
    INSERT INTO evaluation.activities (id, worker, post, kind, routing_key, started_at, seconds, length_m, handled,
                                       hazards, reports)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::int[],
                         $8::float8[], $9::int[], $10::int[], $11::int[])
    ON CONFLICT (id) DO NOTHING
"""
COUNT = f"""
    SELECT worker, count(*) FILTER (WHERE kind = 'patrol'), count(*) FILTER (WHERE kind = 'visit'),
           count(*) FILTER (WHERE kind = 'inspection'), count(*) FILTER (WHERE kind = 'diary'),
           count(*) FILTER (WHERE kind = 'meeting'), count(DISTINCT (started_at AT TIME ZONE $6)::date),
           sum(seconds), sum(length_m), sum(handled), sum(hazards), sum(reports)
      FROM evaluation.activities
     WHERE started_at >= $1 AND started_at < $2 AND {prefix_sql("routing_key", "$3")} AND worker > $4
     GROUP BY worker ORDER BY worker LIMIT $5
"""


class Row(NamedTuple):
    """An activity, in the order of the columns."""

    id: UUID
    worker: str
    post: str
    kind: str
    routing_key: str
    started_at: datetime
    seconds: int
    length_m: float
    handled: int
    hazards: int
    reports: int


class Count(NamedTuple):
    """What one worker did in a period."""

    worker: str
    patrols: int
    visits: int
    inspections: int
    diaries: int
    meetings: int
    days: int
    seconds: int
    length_m: float
    handled: int
    hazards: int
    reports: int


async def add(tx: Connection, rows: Sequence[Row]) -> None:
    """One that is known changes nothing: a fact may come again."""
    await tx.execute(ADD, *zip(*rows, strict=True))


async def count(
    connection: Connection | Pool, start: datetime, end: datetime, area: str, after: str, limit: int, zone: str
) -> list[Count]:
    """By worker, from behind `after`; a day is one of `zone`."""
    return [Count(*row) for row in await connection.fetch(COUNT, start, end, area, after, limit, zone)]
