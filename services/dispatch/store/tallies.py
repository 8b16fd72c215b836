"""Counters of cases for each area: kept by folding the moves that the trigger notes, read with those not folded yet.

A reader sees a move either among the moves or in the counters, never in both or neither: folding deletes and adds in
one statement. Nobody waits: an act appends a row, and one folder at a time adds up.
"""

from typing import NamedTuple

from services.dispatch.store.wanted import plan_for_each
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

_LOCK = "hashtextextended('dispatch.case_counts', 0)"
TURN = f"SELECT pg_try_advisory_xact_lock({_LOCK})"
WAIT_TURN = f"SELECT pg_advisory_xact_lock({_LOCK})"

_SIDES = """
        SELECT from_area AS area, from_status AS status, -1 AS n, from_overdue AS overdue, from_warned AS warned,
               from_ended_at AS ended_at, opened_at
          FROM {moves} WHERE from_area IS NOT NULL
         UNION ALL
        SELECT to_area, to_status, 1, to_overdue, to_warned, to_ended_at, opened_at
          FROM {moves} WHERE to_area IS NOT NULL"""
_UNFOLDED = _SIDES.format(moves="dispatch.case_moves")

# Each area's own row and one for each that covers it, the largest first.
_LEVELS = """
        SELECT array_to_string(path[1:level - 1], '.') AS parent, array_to_string(path[1:level], '.') AS area, {columns}
          FROM (SELECT *, string_to_array(area, '.') AS path FROM {source}) AS s,
               generate_series(1, cardinality(path)) AS level"""
_BY_STATUS = """
        SELECT area, status, sum(n) AS cases, sum(n * overdue::int) AS overdue, sum(n * warned::int) AS warned
          FROM {sides} GROUP BY area, status"""
# $1 is the city's time zone. Yesterday is kept for a report that comes at midnight; what is older counts nowhere.
_TODAY = "(now() AT TIME ZONE $1)::date"
_MIDNIGHT = "date_trunc('day', now() AT TIME ZONE $1) AT TIME ZONE $1"
_BY_DAY = f"""
        SELECT area, day, sum(opened) AS opened, sum(closed) AS closed
          FROM (SELECT area, (opened_at AT TIME ZONE $1)::date AS day, n AS opened, 0 AS closed FROM {{sides}}
                 UNION ALL
                SELECT area, (ended_at AT TIME ZONE $1)::date, 0, n FROM {{sides}} WHERE status = 'closed') AS days
         WHERE day >= {_TODAY} - 1 GROUP BY area, day"""

FOLD = f"""
    WITH taken AS (
        DELETE FROM dispatch.case_moves
         WHERE ctid = ANY (ARRAY (SELECT ctid FROM dispatch.case_moves LIMIT $2))
        RETURNING *
    ), sides AS ({_SIDES.format(moves="taken")}
    ), by_status AS ({_BY_STATUS.format(sides="sides")}
    ), by_day AS ({_BY_DAY.format(sides="sides")}
    ), counted AS (
        INSERT INTO dispatch.case_counts AS k (parent, area, status, cases, overdue, warned)
        SELECT parent, area, status, sum(cases), sum(overdue), sum(warned)
          FROM ({_LEVELS.format(columns="status, cases, overdue, warned", source="by_status")}) AS levels
         GROUP BY 1, 2, 3
        HAVING sum(cases) <> 0 OR sum(overdue) <> 0 OR sum(warned) <> 0
        ON CONFLICT (parent, area, status) DO UPDATE
           SET cases = k.cases + excluded.cases, overdue = k.overdue + excluded.overdue,
               warned = k.warned + excluded.warned
    ), dayed AS (
        INSERT INTO dispatch.case_days AS k (parent, area, day, opened, closed)
        SELECT parent, area, day, sum(opened), sum(closed)
          FROM ({_LEVELS.format(columns="day, opened, closed", source="by_day")}) AS levels
         GROUP BY 1, 2, 3
        HAVING sum(opened) <> 0 OR sum(closed) <> 0
        ON CONFLICT (parent, area, day) DO UPDATE
           SET opened = k.opened + excluded.opened, closed = k.closed + excluded.closed
    )
    SELECT count(*) FROM taken
"""
FORGET_DAYS = f"DELETE FROM dispatch.case_days WHERE day < {_TODAY} - 1"

# What the counters have to say, from the cases themselves, less the moves that are still to be folded: one snapshot.
_CASES = f"""
        SELECT area, status, 1 AS n, overdue, warned, ended_at, opened_at FROM dispatch.cases
         UNION ALL
        SELECT area, status, -n, overdue, warned, ended_at, opened_at FROM ({_UNFOLDED}) AS unfolded"""
RECOUNT = f"""
    WITH sides AS ({_CASES}
    ), by_status AS ({_BY_STATUS.format(sides="sides")}
    ), truth AS (
        SELECT parent, area, status, sum(cases) AS cases, sum(overdue) AS overdue, sum(warned) AS warned
          FROM ({_LEVELS.format(columns="status, cases, overdue, warned", source="by_status")}) AS levels
         GROUP BY 1, 2, 3
    ), put AS (
        INSERT INTO dispatch.case_counts AS k (parent, area, status, cases, overdue, warned)
        SELECT * FROM truth WHERE (cases, overdue, warned) <> (0, 0, 0)
        ON CONFLICT (parent, area, status) DO UPDATE
           SET cases = excluded.cases, overdue = excluded.overdue, warned = excluded.warned
         WHERE (k.cases, k.overdue, k.warned) <> (excluded.cases, excluded.overdue, excluded.warned)
        RETURNING 1
    ), gone AS (
        DELETE FROM dispatch.case_counts k
         WHERE (k.cases, k.overdue, k.warned) <> (0, 0, 0)
           AND NOT EXISTS (SELECT FROM truth t WHERE (t.parent, t.area, t.status) = (k.parent, k.area, k.status)
                              AND (t.cases, t.overdue, t.warned) <> (0, 0, 0))
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone)
"""
RECOUNT_DAYS = f"""
    WITH sides AS ({_CASES}
    ), by_day AS ({_BY_DAY.format(sides="sides")}
    ), truth AS (
        SELECT parent, area, day, sum(opened) AS opened, sum(closed) AS closed
          FROM ({_LEVELS.format(columns="day, opened, closed", source="by_day")}) AS levels
         GROUP BY 1, 2, 3
    ), put AS (
        INSERT INTO dispatch.case_days AS k (parent, area, day, opened, closed)
        SELECT * FROM truth WHERE (opened, closed) <> (0, 0)
        ON CONFLICT (parent, area, day) DO UPDATE SET opened = excluded.opened, closed = excluded.closed
         WHERE (k.opened, k.closed) <> (excluded.opened, excluded.closed)
        RETURNING 1
    ), gone AS (
        DELETE FROM dispatch.case_days k
         WHERE (k.opened, k.closed) <> (0, 0)
           AND NOT EXISTS (SELECT FROM truth t WHERE (t.parent, t.area, t.day) = (k.parent, k.area, k.day)
                              AND (t.opened, t.closed) <> (0, 0))
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM put) + (SELECT count(*) FROM gone)
"""
COUNTED = "SELECT EXISTS (SELECT FROM dispatch.case_recounts)"
NOTE_RECOUNT = """
    WITH before AS (DELETE FROM dispatch.case_recounts)
    INSERT INTO dispatch.case_recounts VALUES (clock_timestamp())
"""

# Of the area $2 (a child of $3) itself, and of each area one level below it, $4 levels deep. What was not folded yet is
# added up first: it may be thousands of rows.
READ = f"""
    WITH unfolded AS (
        SELECT area, status, sum(n) AS cases, sum(n * overdue::int) AS overdue, sum(n * warned::int) AS warned,
               sum(n) FILTER (WHERE opened_at >= (SELECT {_MIDNIGHT})) AS opened,
               sum(n) FILTER (WHERE status = 'closed' AND ended_at >= (SELECT {_MIDNIGHT})) AS closed
          FROM ({_UNFOLDED}) AS s WHERE {prefix_sql("area", "$2")}
         GROUP BY area, status
    ), found AS (
        SELECT area, status, cases, overdue, warned, 0 AS opened, 0 AS closed FROM dispatch.case_counts
         WHERE parent = $2 OR (parent = $3 AND area = $2)
         UNION ALL
        SELECT area, NULL, 0, 0, 0, opened, closed FROM dispatch.case_days
         WHERE day = {_TODAY} AND (parent = $2 OR (parent = $3 AND area = $2))
         UNION ALL
        SELECT $2, status, cases, overdue, warned, opened, closed FROM unfolded
         UNION ALL
        SELECT array_to_string((string_to_array(area, '.'))[1:$4::int], '.'), status, cases, overdue, warned, opened,
               closed
          FROM unfolded WHERE area <> $2
    )
    SELECT area, status, sum(cases)::int AS cases, sum(overdue)::int AS overdue, sum(warned)::int AS warned,
           coalesce(sum(opened), 0)::int AS opened, coalesce(sum(closed), 0)::int AS closed
      FROM found GROUP BY area, status
"""


class Tally(NamedTuple):
    """Cases of an area in a status, and what of them was opened and closed today; those of folded days have none."""

    area: str
    status: str | None
    cases: int
    overdue: int
    warned: int
    opened: int
    closed: int


async def counted(tx: Connection) -> bool:
    """Whether the counters were ever counted, so that they say anything."""
    return bool(await tx.fetchval(COUNTED))


async def read(tx: Connection, area: AreaPath, zone: str) -> list[Tally]:
    """The tallies of `area` and of each area one level below it."""
    await plan_for_each(tx)
    return [Tally(*row) for row in await tx.fetch(READ, zone, area, area.parent, area.level + 1)]


async def fold(tx: Connection, zone: str, limit: int) -> int:
    """Add up to `limit` moves to the counters. Returns how many there were; 0 too while somebody else folds."""
    if not await tx.fetchval(TURN):
        return 0
    folded: int = await tx.fetchval(FOLD, zone, limit)
    return folded


async def forget_days(tx: Connection, zone: str) -> None:
    await tx.execute(FORGET_DAYS, zone)


async def recount(tx: Connection, zone: str) -> int:
    """Count everything anew, while acts go on and folding waits. Returns how many counters were wrong."""
    await tx.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
    await tx.execute(WAIT_TURN)
    wrong: int = await tx.fetchval(RECOUNT, timeout=None)
    wrong += await tx.fetchval(RECOUNT_DAYS, zone, timeout=None)
    await tx.execute(NOTE_RECOUNT)
    return wrong
