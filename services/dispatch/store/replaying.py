"""Past cases as routing rules look at them, a page at a time, newest first: nothing is written, no snapshot kept."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.dispatch.store.wanted import CUSTOM_PLAN
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

# A page of a narrow area may have to pass over very many rows.
PATIENCE = "SET LOCAL statement_timeout = '10min'"

# An id is never older than its case, so that the ids of a period are a range from below ($4).
_WANTED_PART = f"""
     WHERE {prefix_sql("c.area", "$1")}
       AND ($2::timestamptz IS NULL OR c.opened_at >= $2)
       AND ($3::timestamptz IS NULL OR c.opened_at < $3)
       AND ($4::uuid IS NULL OR c.id >= $4)"""

COUNT = f"SELECT count(*) FROM dispatch.cases c {_WANTED_PART}"

# Decided when it was last dispatched. A condition under which the system filed was a rule's own choice, so the case
# is shown to the rules as it was: without one.
CASES = f"""
    SELECT c.id, c.number, c.category, c.area, c.attributes, c.source, c.unit, c.assisting,
           CASE WHEN f.act IS NULL THEN c.condition END AS condition, coalesce(d.at, c.opened_at) AS decided_at
      FROM dispatch.cases c
      LEFT JOIN LATERAL (SELECT t.at FROM dispatch.timeline t
                          WHERE t.case_id = c.id AND t.act IN ('dispatch', 'auto_dispatch')
                          ORDER BY t.version DESC LIMIT 1) d ON true
      LEFT JOIN LATERAL (SELECT t.act FROM dispatch.timeline t
                          WHERE t.case_id = c.id AND t.act = 'auto_file' LIMIT 1) f ON true
    {_WANTED_PART}
       AND ($5::uuid IS NULL OR c.id < $5)
     ORDER BY c.id DESC
     LIMIT $6
"""


class Period(NamedTuple):
    """Which cases: of an area, opened from `since` until before `until`; `lowest` is an id below all of them."""

    area: AreaPath
    since: datetime | None = None
    until: datetime | None = None
    lowest: UUID | None = None


class PastCase(NamedTuple):
    """A case that was decided on at `decided_at`, or, never dispatched (`unit` is None), when it was opened."""

    id: UUID
    number: str
    category: str
    area: AreaPath
    attributes: dict[str, Any]
    source: str
    unit: str | None
    assisting: tuple[str, ...]
    condition: str | None
    decided_at: datetime


async def count(tx: Connection, period: Period) -> int:
    """How many cases there are."""
    await tx.execute(PATIENCE)
    found: int = await tx.fetchval(COUNT, *period)
    return found


async def page(tx: Connection, period: Period, before: UUID | None, limit: int) -> list[PastCase]:
    """Cases with ids below `before`, newest first."""
    await tx.execute(PATIENCE)
    await tx.execute(CUSTOM_PLAN)
    return [
        PastCase(
            row["id"],
            row["number"],
            row["category"],
            AreaPath(row["area"]),
            row["attributes"],
            row["source"],
            row["unit"],
            tuple(row["assisting"]),
            row["condition"],
            row["decided_at"],
        )
        for row in await tx.fetch(CASES, *period, before, limit)
    ]
