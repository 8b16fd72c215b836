"""Lists and single cases, restricted to what a caller may see."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.dispatch.domain.case import Case, Status
from services.dispatch.store.rows import case_of
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

# What a caller may see beyond the area: a unit the cases it leads or assists in, an app those of its categories.
# `unit` and `categories` are null for everybody else.
_SEEN_PART = (
    "({unit}::text IS NULL OR c.unit = {unit} OR (c.assisting <> '{{}}' AND c.assisting @> ARRAY[{unit}::text]))"
    " AND ({categories}::text[] IS NULL OR c.category = ANY ({categories}))"
)

ONE = f"""
    SELECT c.*, clock_timestamp() AS now FROM dispatch.cases c
     WHERE c.id = $1 AND {prefix_sql("c.area", "$2")} AND {_SEEN_PART.format(unit="$3", categories="$4")}
"""

PAGE = f"""
    SELECT c.*, clock_timestamp() AS now FROM dispatch.cases c
     WHERE {prefix_sql("c.area", "$1")} AND {_SEEN_PART.format(unit="$2", categories="$3")}
       AND {prefix_sql("c.area", "$4")}
       AND ($5::text[] IS NULL OR c.status = ANY ($5))
       AND ($6::boolean IS NULL OR c.overdue = $6)
       AND ($7::text IS NULL OR c.unit = $7)
       AND ($8::text IS NULL OR c.category = $8)
       AND ($9::uuid IS NULL OR c.id < $9)
     ORDER BY c.id DESC
     LIMIT $10
"""

TASKS = f"""
    SELECT c.*, clock_timestamp() AS now FROM dispatch.cases c
     WHERE c.task_id IS NOT NULL
       AND {prefix_sql("c.area", "$1")} AND {_SEEN_PART.format(unit="$2", categories="$3")}
       AND {prefix_sql("c.area", "$4")}
       AND ($5::text IS NULL OR c.status = $5)
       AND ($6::uuid IS NULL OR c.task_id > $6)
     ORDER BY c.task_id
     LIMIT $7
"""

SITUATION = f"""
    SELECT array_to_string((string_to_array(c.area, '.'))[1:$5::int], '.') AS area,
           c.status, count(*) AS cases, count(*) FILTER (WHERE c.overdue) AS overdue
      FROM dispatch.cases c
     WHERE {prefix_sql("c.area", "$1")} AND {_SEEN_PART.format(unit="$2", categories="$3")}
       AND {prefix_sql("c.area", "$4")}
       AND c.status = ANY ($6::text[])
     GROUP BY 1, 2
     ORDER BY 1, 2
"""

# A list's plan depends on how much of the city its area is: a plan made for no area in particular may read all of it.
CUSTOM_PLAN = "SET LOCAL plan_cache_mode = force_custom_plan"


OPEN = [status.value for status in Status if not status.terminal]


class Sight(NamedTuple):
    """What a caller may see: an area, for a unit's clerk only that unit's cases, for some apps only some categories."""

    area: AreaPath
    unit: str | None = None
    categories: Sequence[str] | None = None


class Wanted(NamedTuple):
    """Filters of a list of cases; None does not filter."""

    area: AreaPath
    statuses: Sequence[str] | None = None
    overdue: bool | None = None
    unit: str | None = None
    category: str | None = None


class Seen(NamedTuple):
    """A case as it was read, and the database's time at which."""

    case: Case
    now: datetime


async def one(connection: Connection, case_id: UUID, sight: Sight) -> Seen | None:
    """The case, if it exists and the caller may see it."""
    row = await connection.fetchrow(ONE, case_id, *sight)
    return Seen(case_of(row), row["now"]) if row else None


async def page(tx: Connection, sight: Sight, wanted: Wanted, before: UUID | None, limit: int) -> list[Seen]:
    """Cases below the id `before`, newest first."""
    await tx.execute(CUSTOM_PLAN)
    rows = await tx.fetch(PAGE, *sight, *wanted, before, limit)
    return [Seen(case_of(row), row["now"]) for row in rows]


async def tasks(
    tx: Connection, sight: Sight, area: AreaPath, status: str | None, after: UUID | None, limit: int
) -> list[Case]:
    """Cases with an open verification or check, the longest open first."""
    await tx.execute(CUSTOM_PLAN)
    return [case_of(row) for row in await tx.fetch(TASKS, *sight, area, status, after, limit)]


async def situation(tx: Connection, sight: Sight, area: AreaPath) -> list[dict[str, Any]]:
    """Open cases by status for each area one level below `area`: {area, status, cases, overdue}."""
    await tx.execute(CUSTOM_PLAN)
    return [dict(row) for row in await tx.fetch(SITUATION, *sight, area, area.level + 1, OPEN)]
