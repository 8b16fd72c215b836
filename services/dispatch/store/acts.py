"""One act on one case in two statements: look, then write everything if the case is still as it was looked at."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.dispatch.audit.keys import AuditKey
from services.dispatch.domain.case import Case
from services.dispatch.domain.due import timers
from services.dispatch.store import timeline
from services.dispatch.store.clocks import oldest_edition
from services.dispatch.store.rows import asks_of, case_of, clocks_json, matters_json
from shared.bus import outbox
from shared.bus.event import Event
from shared.idempotency import Stored
from shared.postgres import Connection, values_part

# `seen` names the row as it is: any change to it gives it another. The time is taken after the lock was had, so that
# the facts of a case are never older than the ones before them; without a lock, a row changed since is not saved.
_LOOK = """
    SELECT c.*, clock_timestamp() AS now, i.request_hash, i.status AS answer_status, i.etag, i.body
      FROM (SELECT) AS always
      LEFT JOIN dispatch.idempotency i ON i.caller = $2 AND i.key = $3
      LEFT JOIN LATERAL (SELECT *, xmin AS seen FROM dispatch.cases WHERE id = $1{lock}) AS c ON true
"""
LOOK, LOCK = _LOOK.format(lock=""), _LOOK.format(lock=" FOR UPDATE")

_CASE = """
    UPDATE dispatch.cases
       SET status = $2, version = $3, revision = $4, condition = $5, limit_amount = $6, limit_unit = $7, unit = $8,
           assisting = $9, handlers = $10, task_id = $11, assignee = $12, result = $13, verified = $14, passed = $15,
           due_at = $16, overdue = $17, clocks = $18, area = $19, lon = $20, lat = $21, category = $22, reports = $23,
           media = $24, asks = $25, matters = $26, ended_at = $27, provisional_edition = $28, head = $29
     WHERE id = $1 AND ($30::xid IS NULL OR xmin = $30)
    RETURNING id
"""
_ANSWER = """
    INSERT INTO dispatch.idempotency (caller, key, request_hash, status, etag, body)
    SELECT $31, $32, $33, $34, $35, $36 FROM saved WHERE $32::text IS NOT NULL
"""
_OWN_PARAMETERS = 36
_TIMER = ("text", "text", "timestamptz", "int")


@lru_cache
def save_sql(facts: int, timers: int) -> str:
    """The statement for so many facts and timers, as plain values: from arrays, each of which is a function to be
    called, one fact and one timer took Postgres a fifth longer.

    All of it hangs on the case: when its row is not as it was seen, nothing is written. The outbox's numbers are drawn
    after the row was had, as the relay needs it.
    """
    first = _OWN_PARAMETERS + 1
    ahead = [values_part(_TIMER, first + n * len(_TIMER)) for n in range(timers)]
    stages = ", ".join(f"${first + n * len(_TIMER)}" for n in range(timers))
    first += timers * len(_TIMER)
    told = timeline.values_sql("saved", facts, first)
    published = outbox.values_sql("dispatch", "saved", facts, first + facts * timeline.PARAMETERS)
    timed = f""", timed AS (
        INSERT INTO dispatch.clocks (case_id, stage, step, due_at, generation)
        SELECT saved.id, t.* FROM saved, (VALUES {", ".join(ahead)}) AS t
        ON CONFLICT (case_id, stage) DO UPDATE
           SET step = excluded.step, due_at = excluded.due_at, generation = excluded.generation
    )"""
    return f"""
    WITH saved AS ({_CASE}), answered AS ({_ANSWER}), cleared AS (
        DELETE FROM dispatch.clocks k USING saved WHERE k.case_id = saved.id
        {f"AND k.stage NOT IN ({stages})" if timers else ""}
    ){timed if timers else ""}, changed AS (
        INSERT INTO dispatch.audit_pending (case_id) SELECT id FROM saved
    ), told AS ({told}), published AS ({published})
    SELECT EXISTS (SELECT FROM saved)
    """


# In the order of their ids, whoever asks: two that merge into one another at once wait instead of blocking each other.
LOCK_BOTH = "SELECT c.* FROM dispatch.cases c WHERE c.id = ANY ($1::uuid[]) ORDER BY c.id FOR UPDATE"


# In the order of their ids, as above. A report is known by the case it was told to belong to, or by the one it became.
LOCK_OF_REPORTS = """
    SELECT clock_timestamp() AS now, c.* FROM dispatch.cases c
     WHERE c.id = ANY ($1::uuid[]) OR c.report_id = ANY ($2::uuid[]) ORDER BY c.id FOR UPDATE
"""


class Found(NamedTuple):
    """The case (None: no such case), what an earlier request with this key was answered, the time; `seen` is the row
    as it was looked at, None under a lock.
    """

    case: Case | None
    answered: Stored | None
    now: datetime
    seen: int | None


class Kept(NamedTuple):
    """An answer to be stored under the caller's Idempotency-Key."""

    caller: str
    key: str
    answer: Stored


async def look(connection: Connection, case_id: UUID, caller: str, key: str | None) -> Found:
    """The case as it is now, and an answer already given, in one round trip."""
    return _found(await connection.fetchrow(LOOK, case_id, caller, key), locked=False)


async def lock(tx: Connection, case_id: UUID, caller: str, key: str | None) -> Found:
    """The same, the case locked until the transaction ends."""
    return _found(await tx.fetchrow(LOCK, case_id, caller, key), locked=True)


def _found(row: asyncpg.Record | None, *, locked: bool) -> Found:
    assert row is not None
    answered = None
    if row["request_hash"] is not None:
        answered = Stored(row["request_hash"], row["answer_status"], row["etag"], row["body"])
    return Found(case_of(row) if row["id"] else None, answered, row["now"], None if locked else row["seen"])


async def lock_both(tx: Connection, one: UUID, other: UUID) -> dict[UUID, Case]:
    """Lock two cases, as far as they exist."""
    return {case.id: case for case in map(case_of, await tx.fetch(LOCK_BOTH, [one, other]))}


async def lock_of_reports(
    tx: Connection, cases: Sequence[UUID], reports: Sequence[UUID]
) -> tuple[list[Case], datetime | None]:
    """Lock these cases and those that these reports became, as far as they exist; the time, if there is one."""
    rows = await tx.fetch(LOCK_OF_REPORTS, list(cases), list(reports))
    return [case_of(row) for row in rows], max((row["now"] for row in rows), default=None)


async def save(
    connection: Connection,
    case: Case,
    events: Sequence[Event],
    kept: Kept | None,
    audit_key: AuditKey,
    seen: int | None = None,
) -> bool:
    """Write the case, its facts (chained with `audit_key`), its timers, its events and the answer, in one round trip;
    one transaction of its own, if the caller has none.

    False, and nothing is written, if somebody else was first: the case is not as it was `seen`, or another request with
    the same key was answered in the meantime. A transaction cannot go on then.
    """
    due = timers(case)
    rows, [head] = timeline.told([case], audit_key, kept.key if kept else None)
    given = (
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
        oldest_edition(case),
        head,
        seen,
        *((kept.caller, kept.key, *kept.answer) if kept else (None,) * 6),
        *chain.from_iterable(due),
        *chain.from_iterable(rows),
        *chain.from_iterable(outbox.rows(events)),
    )
    try:
        saved: bool = await connection.fetchval(save_sql(len(rows), len(due)), *given)
    except asyncpg.UniqueViolationError as error:
        if error.table_name != "idempotency":
            raise
        return False
    return saved
