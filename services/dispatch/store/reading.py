"""Single cases and open tasks, restricted to what a caller may see."""

from uuid import UUID

from services.dispatch.domain.case import Case
from services.dispatch.store.lists import Seen
from services.dispatch.store.rows import case_of
from services.dispatch.store.wanted import SEEN_PART, Sight, plan_for_each
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

ONE = f"""
    SELECT c.*, clock_timestamp() AS now FROM dispatch.cases c
     WHERE c.id = $1 AND {prefix_sql("c.area", "$2")} AND {SEEN_PART.format(unit="$3", categories="$4")}
"""

TASKS = f"""
    SELECT c.*, clock_timestamp() AS now FROM dispatch.cases c
     WHERE c.task_id IS NOT NULL
       AND {prefix_sql("c.area", "$1")} AND {SEEN_PART.format(unit="$2", categories="$3")}
       AND {prefix_sql("c.area", "$4")}
       AND ($5::text IS NULL OR c.status = $5)
       AND ($6::uuid IS NULL OR c.task_id > $6)
     ORDER BY c.task_id
     LIMIT $7
"""


async def one(connection: Connection, case_id: UUID, sight: Sight) -> Seen | None:
    """The case, if it exists and the caller may see it."""
    row = await connection.fetchrow(ONE, case_id, *sight)
    return Seen(case_of(row), row["now"]) if row else None


async def tasks(
    tx: Connection, sight: Sight, area: AreaPath, status: str | None, after: UUID | None, limit: int
) -> list[Case]:
    """Cases with an open verification or check, the longest open first."""
    await plan_for_each(tx)
    return [case_of(row) for row in await tx.fetch(TASKS, *sight, area, status, after, limit)]
