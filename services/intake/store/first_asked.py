"""Who answers for which report."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.intake.domain.first_asked import Answerable
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

# A report that this schema does not know (an old system's) has nobody who took it in here.
BEGIN = """
    INSERT INTO intake.first_asked (report_id, subject, area, since)
    SELECT id, caller, routing_key, received_at FROM intake.reports WHERE id = ANY ($1::uuid[]) ORDER BY id
    ON CONFLICT DO NOTHING
"""
# In the order of the ids, so that two readers never wait for each other.
LOCK = """
    SELECT report_id, subject, area, since FROM intake.first_asked
     WHERE report_id = ANY ($1::uuid[]) AND lapsed_at IS NULL ORDER BY report_id FOR UPDATE
"""
LAPSE = """
    UPDATE intake.first_asked f SET lapsed_at = n.at, lapsed_by = n.by, post = n.post, act = n.act
      FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[]) AS n (report_id, at, by, post, act)
     WHERE f.report_id = n.report_id
"""
MARK_OVERDUE = """
    UPDATE intake.first_asked SET overdue_at = $1 WHERE lapsed_at IS NULL AND report_id = ANY(ARRAY(
        SELECT report_id FROM intake.first_asked
         WHERE lapsed_at IS NULL AND overdue_at IS NULL AND since < $2 ORDER BY since LIMIT $3 FOR UPDATE SKIP LOCKED))
    RETURNING report_id, subject, area, since, overdue_at
"""
_ALL = "report_id, subject, area, since, lapsed_at, lapsed_by, post, act, overdue_at"
FIND = f"SELECT {_ALL} FROM intake.first_asked WHERE report_id = $1"
PAGE = f"""
    SELECT {_ALL} FROM intake.first_asked
     WHERE lapsed_at IS NULL AND {prefix_sql("area", "$1")} AND {prefix_sql("area", "$2")}
       AND ($3::text IS NULL OR subject = $3) AND ($7::boolean IS NULL OR (overdue_at IS NOT NULL) = $7)
       AND ($4::timestamptz IS NULL OR (since, report_id) > ($4, $5))
     ORDER BY since, report_id LIMIT $6
"""


async def begin(tx: Connection, report_ids: Sequence[UUID]) -> None:
    """Whoever took these reports in answers for them from then on."""
    await tx.execute(BEGIN, list(report_ids))


async def lock(tx: Connection, report_ids: Sequence[UUID]) -> dict[UUID, Answerable]:
    """Those of `report_ids` that somebody still answers for."""
    found = [Answerable(*row) for row in await tx.fetch(LOCK, list(report_ids))]
    return {UUID(int=each.report_id.int): each for each in found}


async def lapse(tx: Connection, relieved: Sequence[Answerable]) -> None:
    await tx.execute(
        LAPSE,
        [each.report_id for each in relieved],
        [each.lapsed_at for each in relieved],
        [each.lapsed_by for each in relieved],
        [each.post for each in relieved],
        [each.act for each in relieved],
    )


async def mark_overdue(tx: Connection, now: datetime, before: datetime, most: int) -> list[Answerable]:
    """Those whom nobody has relieved of what they took in before then, marked; each once for all time."""
    rows = await tx.fetch(MARK_OVERDUE, now, before, most)
    return [
        Answerable(row["report_id"], row["subject"], row["area"], row["since"], overdue_at=row["overdue_at"])
        for row in rows
    ]


async def find(connection: Connection, report_id: UUID) -> Answerable | None:
    row = await connection.fetchrow(FIND, report_id)
    return None if row is None else Answerable(*row)


async def page(
    connection: Connection,
    seen: AreaPath,
    area: AreaPath,
    subject: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
    overdue: bool | None = None,
) -> list[Answerable]:
    """Those that nobody has taken over within `area` as far as `seen` reaches, the longest waiting first."""
    rows = await connection.fetch(PAGE, seen, area, subject, *(after or (None, None)), limit, overdue)
    return [Answerable(*row) for row in rows]
