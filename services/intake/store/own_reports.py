"""A report as whoever sent it sees it afterwards, and what they did with it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.intake.domain.own_report import OwnReport
from shared.postgres import Connection

# Locked by a statement of its own: one that waited for the lock would join what it saw before it waited.
LOCK = "SELECT FROM intake.reports WHERE id = $1 FOR NO KEY UPDATE"
OWN = """
    SELECT r.id, r.routing_key, r.tracking_code, r.caller, s.case_id, s.status, w.withdrawn_at,
           (SELECT count(*) FROM intake.additions a WHERE a.report_id = r.id)
      FROM intake.reports r
      LEFT JOIN intake.report_status s ON s.report_id = r.id
      LEFT JOIN intake.withdrawals w ON w.report_id = r.id
     WHERE r.id = $1
"""
WITHDRAWN_AT = "SELECT withdrawn_at FROM intake.withdrawals WHERE report_id = $1"
WITHDRAW = "INSERT INTO intake.withdrawals (report_id, reason, withdrawn_at, caller) VALUES ($1, $2, $3, $4)"
ADD = """
    INSERT INTO intake.additions (id, report_id, said, media, added_at, caller) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def lock(tx: Connection, report_id: UUID) -> OwnReport | None:
    """Held to the end of the transaction, so that what is decided on still holds when it is written."""
    await tx.execute(LOCK, report_id)
    row = await tx.fetchrow(OWN, report_id)
    return None if row is None else OwnReport(*row)


async def withdrawn_at(connection: Connection, report_id: UUID) -> datetime | None:
    """When it was taken back, if it was."""
    found: datetime | None = await connection.fetchval(WITHDRAWN_AT, report_id)
    return found


async def withdraw(tx: Connection, report_id: UUID, reason: str, at: datetime, caller: str) -> None:
    await tx.execute(WITHDRAW, report_id, reason, at, caller)


async def add(
    tx: Connection,
    addition_id: UUID,
    report_id: UUID,
    text: str | None,
    media: Sequence[UUID],
    at: datetime,
    caller: str,
) -> None:
    await tx.execute(ADD, addition_id, report_id, text, list(media), at, caller)
