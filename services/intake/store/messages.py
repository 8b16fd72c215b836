"""Messages to reporters: due, claimed by whoever sends, settled."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.postgres import Connection


class NewMessage(NamedTuple):
    report_id: UUID
    template: str
    routing_key: str
    due_at: datetime


class Claimed(NamedTuple):
    """A message to be sent now, and what is needed for it; None: not there, or no more. `attempts` counts this one."""

    report_id: UUID
    template: str
    routing_key: str
    due_at: datetime
    attempts: int
    category: str | None
    tracking_code: str | None
    sealed: bytes | None
    key: bytes | None
    subject: UUID | None
    subject_key: bytes | None
    silent_at: datetime | None


class Settled(NamedTuple):
    """What became of a message: it waits again from `next_at`, or it is `sent` or `failed`, by this `reason`."""

    report_id: UUID
    template: str
    state: str
    reason: str | None
    next_at: datetime


ADD = """
    INSERT INTO intake.messages (report_id, template, routing_key, due_at, next_at)
    SELECT report_id, template, routing_key, due_at, due_at
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS m (report_id, template, routing_key, due_at)
     ORDER BY report_id, template
    ON CONFLICT DO NOTHING
"""
# The lease: whoever dies while it sends leaves the message to another, which sends it under the same id.
CLAIM = """
    WITH claimed AS (
        UPDATE intake.messages m SET next_at = $2, attempts = m.attempts + 1
          FROM (SELECT report_id, template FROM intake.messages WHERE state = 'waiting' AND next_at <= $1
                 ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS c
         WHERE m.report_id = c.report_id AND m.template = c.template
        RETURNING m.report_id, m.template, m.routing_key, m.due_at, m.attempts
    )
    SELECT c.*, r.category, r.tracking_code, r.sealed, p.key, p.subject, s.key AS subject_key, s.silent_at
      FROM claimed c
      LEFT JOIN intake.reports r ON r.id = c.report_id
      LEFT JOIN intake.personal p ON p.report_id = c.report_id
      LEFT JOIN intake.subjects s ON s.id = p.subject
"""
# One that another settled meanwhile, after this one's lease was over, stays as it is.
SETTLE = """
    UPDATE intake.messages m
       SET state = n.state, reason = n.reason, next_at = n.next_at,
           settled_at = CASE WHEN n.state = 'waiting' THEN NULL ELSE $6::timestamptz END
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
        AS n (report_id, template, state, reason, next_at)
     WHERE m.report_id = n.report_id AND m.template = n.template AND m.state = 'waiting'
    RETURNING m.report_id, m.template
"""


async def add(tx: Connection, messages: Sequence[NewMessage]) -> None:
    """One that is there already stays as it is."""
    await tx.execute(ADD, *zip(*messages, strict=True))


async def claim(tx: Connection, now: datetime, until: datetime, limit: int) -> list[Claimed]:
    """Messages whose time has come; nobody else gets them before `until`."""
    return [Claimed(*row) for row in await tx.fetch(CLAIM, now, until, limit)]


async def settle(tx: Connection, settled: Sequence[Settled], at: datetime) -> set[tuple[UUID, str]]:
    """Those that were settled by this."""
    rows = await tx.fetch(SETTLE, *zip(*settled, strict=True), at)
    return {(row["report_id"], row["template"]) for row in rows}
