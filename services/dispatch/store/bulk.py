"""One act on many cases: all locked in one statement, all saved in one.

The single act's statement, run 200 times, costs Postgres 200 plans' starts, 200 scans of six common tables and as many
messages; here each table is written once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.dispatch.audit.keys import AuditKey
from services.dispatch.domain.case import Case
from services.dispatch.domain.due import timers
from services.dispatch.store import timeline
from services.dispatch.store.acts import Kept
from services.dispatch.store.changes import OF_MEMBER, columns_of
from services.dispatch.store.rows import case_of
from shared.bus import outbox
from shared.bus.event import Event
from shared.postgres import Connection

# In the order of their ids, so that two of these never wait for each other; the time of each is taken under its lock.
LOCK = """
    SELECT locked.*, clock_timestamp() AS now
      FROM (SELECT * FROM dispatch.cases WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE) AS locked
"""

# What `correct` and the two sides of a merge change: none of them is done in bulk.
MOVED = frozenset({"area", "place", "category", "reports", "media"})
# As JSON for `jsonb_to_recordset`: an array of arrays is no array of PostgreSQL's.
CHANGES = columns_of(OF_MEMBER.keys() - MOVED)
_COLUMNS = ", ".join(f"{column.name} {column.kind}" for column in CHANGES.values())
_OWN_PARAMETERS = 12

SAVE = f"""
    WITH saved AS (
        UPDATE dispatch.cases c
           SET {", ".join(f"{name} = m.{name}" for name in CHANGES)}, head = m.head
          FROM jsonb_to_recordset($1::jsonb) AS m (id uuid, head bytea, {_COLUMNS})
         WHERE c.id = m.id
    ), cleared AS (
        DELETE FROM dispatch.clocks k
         USING jsonb_to_recordset($1::jsonb) AS m (id uuid)
         WHERE k.case_id = m.id AND NOT EXISTS (
               SELECT FROM unnest($2::uuid[], $3::text[]) AS t (id, stage) WHERE (t.id, t.stage) = (k.case_id, k.stage))
    ), timed AS (
        INSERT INTO dispatch.clocks (case_id, stage, step, due_at, generation)
        SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::int[])
        ON CONFLICT (case_id, stage) DO UPDATE
           SET step = excluded.step, due_at = excluded.due_at, generation = excluded.generation
    ), answered AS (
        INSERT INTO dispatch.idempotency (caller, key, request_hash, status, etag, body)
        SELECT $7, $8, $9, $10, $11, $12 WHERE $8::text IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), changed AS (
        INSERT INTO dispatch.audit_pending (case_id) SELECT m.id FROM jsonb_to_recordset($1::jsonb) AS m (id uuid)
    ), told AS (
        {timeline.insert_sql(_OWN_PARAMETERS + 1)}
    ), published AS (
        {outbox.insert_sql("dispatch", _OWN_PARAMETERS + timeline.PARAMETERS + 1)}
    )
    SELECT $8::text IS NULL OR EXISTS (SELECT FROM answered)
"""


class Locked(NamedTuple):
    """A case under its lock, and the time at which it was had."""

    case: Case
    now: datetime


async def lock(tx: Connection, ids: Sequence[UUID]) -> dict[UUID, Locked]:
    """Lock those of `ids` that there are."""
    found = [Locked(case_of(row), row["now"]) for row in await tx.fetch(LOCK, ids)]
    return {each.case.id: each for each in found}


async def save(
    tx: Connection, cases: Sequence[Case], events: Sequence[Event], kept: Kept | None, audit_key: AuditKey
) -> bool:
    """Write the cases, their facts (chained with `audit_key`), timers, events and the answer, in one round trip.

    False if another request with the same key was answered in the meantime: the caller then rolls back.
    """
    rows, heads = timeline.told(cases, audit_key, kept.key if kept else None)
    changes = [
        {"id": case.id, "head": f"\\x{head.hex()}", **{name: column.of(case) for name, column in CHANGES.items()}}
        for case, head in zip(cases, heads, strict=True)
    ]
    due = [(case.id, *timer) for case in cases for timer in timers(case)]
    saved: bool = await tx.fetchval(
        SAVE,
        changes,
        *([timer[n] for timer in due] for n in range(5)),
        *((kept.caller, kept.key, *kept.answer) if kept else (None,) * 6),
        *timeline.columns(rows),
        *outbox.columns(events),
    )
    return saved
