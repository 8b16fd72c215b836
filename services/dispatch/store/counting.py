"""Counts from the cases themselves, for callers whose sight no counter has, and by what no counter counts."""

from collections.abc import Mapping
from typing import NamedTuple

import asyncpg

from services.dispatch.store.tallies import Tally
from services.dispatch.store.wanted import (
    OPEN_PART,
    PARAMETERS,
    SEEN_PART,
    Forms,
    Sight,
    Wanted,
    forms,
    plan_for_each,
    prepared,
)
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

_CHILD = "array_to_string((string_to_array(c.area, '.'))[1:{level}::int], '.')"
_SEEN = f"""{prefix_sql("c.area", "$2")} AND {SEEN_PART.format(unit="$3", categories="$4")}
       AND {prefix_sql("c.area", "$5")}"""
_TODAY = "(date_trunc('day', now() AT TIME ZONE $1) AT TIME ZONE $1)"

# The same as `tallies.READ`, of what the caller may see: open cases, and those that today's pages hold.
DIRECT = f"""
    SELECT {_CHILD.format(level="$6")} AS area, c.status, count(*)::int AS cases,
           (count(*) FILTER (WHERE c.overdue))::int AS overdue, (count(*) FILTER (WHERE c.warned))::int AS warned,
           0 AS opened, 0 AS closed
      FROM dispatch.cases c WHERE {OPEN_PART} AND {_SEEN}
     GROUP BY 1, 2
     UNION ALL
    SELECT {_CHILD.format(level="$6")}, NULL, 0, 0, 0, count(*)::int, 0
      FROM dispatch.cases c WHERE c.opened_at >= {_TODAY} AND {_SEEN}
     GROUP BY 1
     UNION ALL
    SELECT {_CHILD.format(level="$6")}, NULL, 0, 0, 0, 0, count(*)::int
      FROM dispatch.cases c WHERE c.status = 'closed' AND c.ended_at >= {_TODAY} AND {_SEEN}
     GROUP BY 1
"""

# No more than so many cases are counted, and no longer than so long is looked for them.
COUNTED_TO = 50_000
SECONDS = 3
LIMIT_TIME = f"SET LOCAL statement_timeout = '{SECONDS}s'"
_BY = {
    "status": "c.status",
    "unit": "c.unit",
    "category": "c.category",
    "area": _CHILD.format(level=f"${PARAMETERS + 1}"),
}
BY: Mapping[str, Forms] = {
    name: forms(f"""
    SELECT key, count(*)::int AS cases, (count(*) FILTER (WHERE overdue))::int AS overdue,
           (count(*) FILTER (WHERE warned))::int AS warned
      FROM (SELECT {column} AS key, c.overdue, c.warned FROM {{cases}}
             WHERE {{matching}} AND ${PARAMETERS + 1}::int > 0
             LIMIT {COUNTED_TO}) AS matching
     GROUP BY key
     ORDER BY cases DESC, key
""")
    for name, column in _BY.items()
}


class Group(NamedTuple):
    """Cases with one value of what they are counted by; None: with none."""

    key: str | None
    cases: int
    overdue: int
    warned: int


class TooSlow(Exception):
    """What matches was not found within SECONDS."""


async def direct(tx: Connection, sight: Sight, area: AreaPath, zone: str) -> list[Tally]:
    """Tallies of each area one level below `area`, of open cases and of today."""
    await plan_for_each(tx)
    return [Tally(*row) for row in await tx.fetch(DIRECT, zone, *sight, area, area.level + 1)]


async def by(tx: Connection, sight: Sight, wanted: Wanted, name: str) -> list[Group]:
    """Counts of `wanted` by status, unit, category or area one level down, the largest first; of the first COUNTED_TO
    cases met. Raises TooSlow.
    """
    await tx.execute(LIMIT_TIME)
    try:
        statement, given = await prepared(tx, sight, wanted, BY[name])
        rows = await tx.fetch(statement, *given, wanted.area.level + 1)
    except asyncpg.QueryCanceledError:
        raise TooSlow from None
    return [Group(*row) for row in rows]
