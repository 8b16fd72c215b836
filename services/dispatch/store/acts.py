"""One act on one case in two statements: look, then write everything if the case is still as it was looked at."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, count
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.dispatch.audit.keys import AuditKey
from services.dispatch.domain.case import Case
from services.dispatch.domain.due import timers
from services.dispatch.store import timeline
from services.dispatch.store.changes import changed
from services.dispatch.store.rows import case_of
from shared.bus import outbox
from shared.bus.event import Event
from shared.idempotency import Stored
from shared.postgres import Connection

# `seen` names the row as it is: any change to it gives it another. The time is taken after the lock was had, so that
# the facts of a case are never older than the ones before them; without a lock, a row changed since is not saved.
_LOOK = """
    SELECT c.*, clock_timestamp() AS now, i.request_hash, i.status AS answer_status, i.etag, i.body
      FROM (SELECT) AS always
      LEFT JOIN dispatch.idempotency i ON i.caller = $2 AND i.key = $3
      LEFT JOIN LATERAL (SELECT *, xmin AS seen FROM dispatch.cases WHERE id = $1{lock}) AS c ON true
"""
LOOK, LOCK = _LOOK.format(lock=""), _LOOK.format(lock=" FOR UPDATE")

_TIMER = ("text", "text", "timestamptz", "int")
_ANSWER = ("text", "text", "bytea", "int", "text", "bytea")


@lru_cache(maxsize=1024)
def save_sql(columns: tuple[tuple[str, str], ...], timers: int, facts: int, *, stopped: bool, kept: bool) -> str:
    """The statement that sets these columns (name, type) of the case with what else there is to write, as plain values.

    From arrays, each of which is a function to be called, one fact and one timer took Postgres a fifth longer. All of
    it hangs on the case: when its row is not as it was seen, nothing is written. The outbox's numbers are drawn after
    the row was had, as the relay needs it.
    """
    numbers = count(1)

    def row(types: Sequence[str]) -> str:
        return f"({', '.join(f'${next(numbers)}::{kind}' for kind in types)})"

    names = ", ".join(name for name, _ in columns)
    parts = {
        "saved": f"""
            UPDATE dispatch.cases SET ({names}) = ROW {row([kind for _, kind in columns])}
             WHERE id = ${next(numbers)} AND xmin = coalesce(${next(numbers)}::xid, xmin) RETURNING id""",
    }
    if timers:
        parts["timed"] = f"""
            INSERT INTO dispatch.clocks (case_id, stage, step, due_at, generation)
            SELECT saved.id, t.* FROM saved, (VALUES {", ".join(row(_TIMER) for _ in range(timers))}) AS t
            ON CONFLICT (case_id, stage) DO UPDATE
               SET step = excluded.step, due_at = excluded.due_at, generation = excluded.generation"""
    if stopped:
        parts["cleared"] = f"""
            DELETE FROM dispatch.clocks k USING saved WHERE k.case_id = saved.id AND k.stage = ANY {row(["text[]"])}"""
    if kept:
        parts["answered"] = f"""
            INSERT INTO dispatch.idempotency (caller, key, request_hash, status, etag, body)
            SELECT k.* FROM saved, (VALUES {row(_ANSWER)}) AS k"""
    parts["pending"] = "INSERT INTO dispatch.audit_pending (case_id) SELECT id FROM saved"
    parts["told"] = timeline.values_sql("saved", [row(timeline.TYPES) for _ in range(facts)])
    parts["published"] = outbox.values_sql("dispatch", "saved", [row(outbox.ROW_TYPES) for _ in range(facts)])
    return f"""
        WITH {", ".join(f"{name} AS ({part})" for name, part in parts.items())}
        SELECT EXISTS (SELECT FROM saved)"""


# In the order of their ids, whoever asks: two that merge into one another at once wait instead of blocking each other.
LOCK_BOTH = "SELECT c.* FROM dispatch.cases c WHERE c.id = ANY ($1::uuid[]) ORDER BY c.id FOR UPDATE"


# In the order of their ids, as above. A report is known by the case it was told to belong to, or by the one it became.
# The time is taken outside, when the locks were had.
LOCK_OF_REPORTS = """
    SELECT clock_timestamp() AS now, c.* FROM (
        SELECT * FROM dispatch.cases
         WHERE id = ANY ($1::uuid[]) OR report_id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE) AS c
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
    before: Case,
    case: Case,
    events: Sequence[Event],
    kept: Kept | None,
    audit_key: AuditKey,
    seen: int | None = None,
) -> bool:
    """Write what `before` became: the case, its facts (chained with `audit_key`), the timers that are others now, its
    events and the answer, in one round trip; one transaction of its own, if the caller has none.

    False, and nothing is written, if somebody else was first: the case is not as it was `seen`, or another request with
    the same key was answered in the meantime. A transaction cannot go on then.
    """
    had, has = timers(before), timers(case)
    due = [timer for timer in has if timer not in had]
    stopped = [timer.stage for timer in had if all(timer.stage != other.stage for other in has)]
    rows, [head] = timeline.told([case], audit_key, kept.key if kept else None)
    columns = changed(before, case)
    given = (
        *(column.of(case) for column in columns),
        head,
        case.id,
        seen,
        *chain.from_iterable(due),
        *((stopped,) if stopped else ()),
        *((kept.caller, kept.key, *kept.answer) if kept else ()),
        *chain.from_iterable(rows),
        *chain.from_iterable(outbox.rows(events)),
    )
    named = (*((column.name, column.kind) for column in columns), ("head", "bytea"))
    statement = save_sql(named, len(due), len(rows), stopped=bool(stopped), kept=kept is not None)
    try:
        saved: bool = await connection.fetchval(statement, *given)
    except asyncpg.UniqueViolationError as error:
        if error.table_name != "idempotency":
            raise
        return False
    return saved
