"""One act on one case in two statements: lock and look, then write everything."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.dispatch.audit.keys import AuditKey
from services.dispatch.domain.case import Case
from services.dispatch.domain.due import timers
from services.dispatch.store import timeline
from services.dispatch.store.clocks import provisional_sql
from services.dispatch.store.rows import asks_of, case_of, clocks_json, matters_json
from shared.bus import outbox
from shared.bus.event import Event
from shared.idempotency import Stored
from shared.postgres import Connection

# The time is taken after the lock was had, so that the facts of a case are never older than the ones before them.
LOCK = """
    SELECT c.*, clock_timestamp() AS now, i.request_hash, i.status AS answer_status, i.etag, i.body
      FROM (SELECT) AS always
      LEFT JOIN dispatch.idempotency i ON i.caller = $2 AND i.key = $3
      LEFT JOIN LATERAL (SELECT * FROM dispatch.cases WHERE id = $1 FOR UPDATE) AS c ON true
"""

_SAVE_CASE = f"""
    WITH saved AS (
        UPDATE dispatch.cases
           SET status = $2, version = $3, revision = $4, condition = $5, limit_amount = $6, limit_unit = $7, unit = $8,
               assisting = $9, handlers = $10, task_id = $11, assignee = $12, result = $13, verified = $14,
               passed = $15, due_at = $16, overdue = $17, clocks = $18, area = $19, lon = $20, lat = $21,
               category = $22, reports = $23, media = $24, asks = $25, matters = $26, ended_at = $27,
               provisional_edition = {provisional_sql("$18")},
               head = $38
         WHERE id = $1
    ), cleared AS (
        DELETE FROM dispatch.clocks WHERE case_id = $1 AND NOT stage = ANY ($28::text[])
    ), timed AS (
        INSERT INTO dispatch.clocks (case_id, stage, step, due_at, generation)
        SELECT $1, t.stage, t.step, t.due_at, t.generation
          FROM unnest($28::text[], $29::text[], $30::timestamptz[], $31::int[]) AS t (stage, step, due_at, generation)
        ON CONFLICT (case_id, stage) DO UPDATE
           SET step = excluded.step, due_at = excluded.due_at, generation = excluded.generation
    ), answered AS (
        INSERT INTO dispatch.idempotency (caller, key, request_hash, status, etag, body)
        SELECT $32, $33, $34, $35, $36, $37 WHERE $33::text IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), changed AS (
        INSERT INTO dispatch.audit_pending (case_id) VALUES ($1)
    )"""
_OWN_PARAMETERS = 38

SAVE = f"""{_SAVE_CASE}, told AS (
        {timeline.insert_sql(_OWN_PARAMETERS + 1)}
    ), published AS (
        {outbox.insert_sql("dispatch", _OWN_PARAMETERS + timeline.PARAMETERS + 1)}
    )
    SELECT $33::text IS NULL OR EXISTS (SELECT FROM answered)
"""

# In the order of their ids, whoever asks: two that merge into one another at once wait instead of blocking each other.
LOCK_BOTH = "SELECT c.* FROM dispatch.cases c WHERE c.id = ANY ($1::uuid[]) ORDER BY c.id FOR UPDATE"


class Locked(NamedTuple):
    """The case under its lock (None: no such case), what an earlier request with this key was answered, the time."""

    case: Case | None
    answered: Stored | None
    now: datetime


class Kept(NamedTuple):
    """An answer to be stored under the caller's Idempotency-Key."""

    caller: str
    key: str
    answer: Stored


async def lock(tx: Connection, case_id: UUID, caller: str, key: str | None) -> Locked:
    """Lock the case and look for an answer already given, in one round trip."""
    row = await tx.fetchrow(LOCK, case_id, caller, key)
    assert row is not None
    answered = None
    if row["request_hash"] is not None:
        answered = Stored(row["request_hash"], row["answer_status"], row["etag"], row["body"])
    return Locked(case_of(row) if row["id"] else None, answered, row["now"])


async def lock_both(tx: Connection, one: UUID, other: UUID) -> dict[UUID, Case]:
    """Lock two cases, as far as they exist."""
    return {case.id: case for case in map(case_of, await tx.fetch(LOCK_BOTH, [one, other]))}


async def save(tx: Connection, case: Case, events: Sequence[Event], kept: Kept | None, audit_key: AuditKey) -> bool:
    """Write the case, its facts (chained with `audit_key`), its timers, its events and the answer, in one round trip.

    False if another request with the same key was answered in the meantime: the caller then rolls back.
    """
    due = timers(case)
    rows, [head] = timeline.told([case], audit_key, kept.key if kept else None)
    saved: bool = await tx.fetchval(
        SAVE,
        case.id,
        case.status,
        case.version,
        case.revision,
        case.condition,
        case.limit.amount if case.limit else None,
        case.limit.unit if case.limit else None,
        case.unit,
        case.assisting,
        case.handlers,
        case.task_id,
        case.assignee,
        case.result,
        case.verified,
        case.passed,
        case.due_at,
        case.overdue,
        clocks_json(case),
        case.area,
        case.place.lon,
        case.place.lat,
        case.category,
        case.reports,
        case.media,
        asks_of(case),
        matters_json(case.matters),
        case.ended_at,
        [timer.stage for timer in due],
        [timer.step for timer in due],
        [timer.due_at for timer in due],
        [timer.generation for timer in due],
        *((kept.caller, kept.key, *kept.answer) if kept else (None,) * 6),
        head,
        *timeline.columns(rows),
        *outbox.columns(events),
    )
    return saved
