"""Whose turn it is to send for a webhook, what waits for it, and what became of it.

Every write names the lease it was made under: a worker that lost its lease (it was frozen) changes nothing.
Leases are reckoned in the database's time, so that the workers' clocks need not agree.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from shared.postgres import Connection

# An app's webhook ends with its key, or the last of those that were rotated into one another: a revoked or expired key
# has no turn.
CLAIM = """
    UPDATE notify.webhooks SET lease = $1, leased_until = now() + $2::interval
     WHERE id IN (
        SELECT w.id FROM notify.webhooks w
         WHERE w.state = 'active'
           AND (w.leased_until IS NULL OR w.leased_until < now())
           AND (w.resting_until IS NULL OR w.resting_until <= now())
           AND (w.position < (SELECT position FROM notify.head)
                OR EXISTS (SELECT FROM notify.webhook_waiting q WHERE q.webhook_id = w.id AND q.next_at <= now()))
           AND (w.owner NOT LIKE 'key:%' OR EXISTS (
                SELECT FROM notify.api_keys k
                 WHERE (k.id = substr(w.owner, 5) OR k.scope ->> 'family' = substr(w.owner, 5)) AND k.revoked_at IS NULL
                   AND (k.expires_at IS NULL OR k.expires_at > now())))
         ORDER BY w.last_attempt_at NULLS FIRST LIMIT $3 FOR UPDATE OF w SKIP LOCKED
     )
    RETURNING id, url, area, types, categories, unit, secret, position, failures, failing_since
"""

DUE = """
    SELECT q.position, q.subject, q.attempts, q.failed_at, q.event
      FROM (SELECT subject FROM notify.webhook_waiting
             WHERE webhook_id = $1 AND next_at <= now() ORDER BY next_at LIMIT $2) AS first,
           LATERAL (SELECT * FROM notify.webhook_waiting w
                     WHERE w.webhook_id = $1 AND w.subject = first.subject ORDER BY w.position LIMIT $3) AS q
     ORDER BY q.position
"""

WAITING_SUBJECTS = """
    SELECT DISTINCT subject FROM notify.webhook_waiting WHERE webhook_id = $1 AND subject = ANY($2::text[])
"""

COUNT_WAITING = "SELECT count(*) FROM notify.webhook_waiting WHERE webhook_id = $1"

RECORD = """
    UPDATE notify.webhooks
       SET position = greatest(position, $3), failures = $4, failing_since = $5, resting_until = now() + $6::interval,
           last_status = coalesce($7, last_status), last_error = $8,
           last_attempt_at = coalesce($9, last_attempt_at), last_success_at = coalesce($10, last_success_at),
           state = CASE WHEN $11::text IS NULL THEN state ELSE 'disabled' END,
           state_reason = coalesce($11, state_reason), missed = missed + $12
     WHERE id = $1 AND lease = $2
"""

DROP_DELIVERED = "DELETE FROM notify.webhook_waiting WHERE webhook_id = $1 AND position = ANY($2::bigint[])"

PUT_WAITING = """
    INSERT INTO notify.webhook_waiting (webhook_id, position, subject, attempts, next_at, failed_at, event)
    SELECT $1, position, subject, attempts, coalesce(now() + wait, 'infinity'), failed_at, event
      FROM unnest($2::bigint[], $3::text[], $4::int[], $5::interval[], $6::timestamptz[], $7::bytea[])
           AS new (position, subject, attempts, wait, failed_at, event)
    ON CONFLICT (webhook_id, position) DO UPDATE
       SET attempts = excluded.attempts, next_at = excluded.next_at, failed_at = excluded.failed_at
"""

# The first that waits of a subject is the one that has a time; when those before it are gone, the next is due at once.
PROMOTE = """
    UPDATE notify.webhook_waiting w SET next_at = now()
      FROM (SELECT subject, min(position) AS position FROM notify.webhook_waiting
             WHERE webhook_id = $1 AND subject = ANY($2::text[]) GROUP BY subject) AS first
     WHERE w.webhook_id = $1 AND w.position = first.position AND w.next_at = 'infinity'
"""

RELEASE = "UPDATE notify.webhooks SET lease = NULL, leased_until = NULL WHERE id = $1 AND lease = $2"


class Turn(NamedTuple):
    """A webhook that it is our turn to send for, as it stood when we took the turn."""

    id: UUID
    url: str
    area: str
    types: list[str]
    categories: list[str] | None
    unit: str | None
    secret: str
    position: int
    failures: int
    failing_since: datetime | None


class Due(NamedTuple):
    """An event to be sent again, or one behind it."""

    position: int
    subject: str
    attempts: int
    failed_at: datetime | None
    event: bytes


class Waiting(NamedTuple):
    """An event that is to wait: `wait` long, or (None) for the one of its subject before it."""

    position: int
    subject: str
    attempts: int
    wait: timedelta | None
    failed_at: datetime | None
    event: bytes


class Progress(NamedTuple):
    """How a webhook stands after a round of sending."""

    position: int
    failures: int
    failing_since: datetime | None
    rest: timedelta | None
    last_status: int | None
    last_error: str | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    disabled_because: str | None
    missed: int


async def claim(tx: Connection, lease: UUID, lasting: timedelta, limit: int) -> list[Turn]:
    """Take the turn for up to `limit` webhooks that have something to send and nobody sending."""
    return [Turn(*row) for row in await tx.fetch(CLAIM, lease, lasting, limit)]


async def due(tx: Connection, webhook_id: UUID, *, subjects: int, each: int) -> list[Due]:
    """What is due again: up to `each` events, in order, of up to `subjects` subjects."""
    return [Due(*row) for row in await tx.fetch(DUE, webhook_id, subjects, each)]


async def waiting_subjects(tx: Connection, webhook_id: UUID, subjects: Sequence[str]) -> set[str]:
    """Which of `subjects` have an event waiting, so that later ones must wait behind it."""
    return {row["subject"] for row in await tx.fetch(WAITING_SUBJECTS, webhook_id, subjects)}


async def count_waiting(tx: Connection, webhook_id: UUID) -> int:
    """How many events wait."""
    return int(await tx.fetchval(COUNT_WAITING, webhook_id))


async def record(tx: Connection, webhook_id: UUID, lease: UUID, progress: Progress) -> bool:
    """Store how it stands; False, and nothing is stored, when the lease is no longer ours."""
    return await tx.execute(RECORD, webhook_id, lease, *progress) == "UPDATE 1"


async def settle(tx: Connection, webhook_id: UUID, delivered: Sequence[Due], waiting: Sequence[Waiting]) -> None:
    """Drop what was delivered, keep what must wait, and let the next of each subject come forward."""
    if delivered:
        await tx.execute(DROP_DELIVERED, webhook_id, [d.position for d in delivered])
    if waiting:
        await tx.execute(
            PUT_WAITING,
            webhook_id,
            [w.position for w in waiting],
            [w.subject for w in waiting],
            [w.attempts for w in waiting],
            [w.wait for w in waiting],
            [w.failed_at for w in waiting],
            [w.event for w in waiting],
        )
    if delivered:
        await tx.execute(PROMOTE, webhook_id, sorted({d.subject for d in delivered}))


async def release(tx: Connection, webhook_id: UUID, lease: UUID) -> None:
    """Give the turn back."""
    await tx.execute(RELEASE, webhook_id, lease)
