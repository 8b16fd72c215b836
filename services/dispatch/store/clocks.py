"""The durable timers: one row for each running clock that has a step to reach, and for all else that falls due; and
what moves without an act.
"""

from collections.abc import Sequence
from datetime import datetime

from services.dispatch.audit.keys import AuditKey
from services.dispatch.domain.case import Case
from services.dispatch.domain.due import timers
from services.dispatch.store import timeline
from services.dispatch.store.rows import asks_of, case_of, clocks_json, matters_json
from shared.postgres import Connection

INSERT_CLOCKS = """
    INSERT INTO dispatch.clocks (case_id, stage, step, due_at, generation)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::int[])
"""

# The case is locked, as an act locks it, and never the timer: one lock order. A case that somebody else holds is
# skipped and met again at the next look; the case's own clocks, read under its lock, say what is really due.
LOCK_DUE = """
    SELECT c.*, clock_timestamp() AS now
      FROM dispatch.clocks k
      JOIN dispatch.cases c ON c.id = k.case_id
     WHERE k.due_at < now()
     ORDER BY k.due_at
     LIMIT $1
       FOR UPDATE OF c SKIP LOCKED
"""

# Cases whose deadline rests on a year not published yet, counted from an edition of the calendars before $1. The words
# about the status are those of the index, so that it serves. A case that somebody holds is met at the next look.
LOCK_PROVISIONAL = """
    SELECT c.*, clock_timestamp() AS now
      FROM dispatch.cases c
     WHERE c.provisional_edition < $1 AND c.status NOT IN ('rejected', 'closed', 'voided')
     ORDER BY c.provisional_edition
     LIMIT $2
       FOR UPDATE OF c SKIP LOCKED
"""


def provisional_sql(clocks: str) -> str:
    """What the column `provisional_edition` says of `clocks`, an expression of jsonb: the oldest edition that one of
    them waits to be published after, or null.
    """
    return f"(SELECT min(e::int) FROM jsonb_path_query({clocks}, '$.*.edition') AS e)"


MARK_CASES = f"""
    WITH marked AS (
        UPDATE dispatch.cases c
           SET status = m.status, version = m.version, revision = m.revision, overdue = m.overdue, due_at = m.due_at,
               task_id = m.task_id, assignee = m.assignee, clocks = m.clocks, matters = m.matters, asks = a.asks,
               head = m.head,
               provisional_edition = {provisional_sql("m.clocks")}
          FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::bool[], $6::timestamptz[], $7::uuid[],
                      $8::text[], $9::jsonb[], $10::jsonb[], $11::bytea[], $12::text[])
               AS m (id, status, version, revision, overdue, due_at, task_id, assignee, clocks, matters, head, joined),
               LATERAL (SELECT string_to_array(m.joined, ',') AS asks) AS a
         WHERE c.id = m.id
        RETURNING c.id
    )
    INSERT INTO dispatch.audit_pending (case_id) SELECT id FROM marked
"""

# A timer whose clock stands, has all its marks or was started anew under another generation is taken away.
CLEAR_CLOCKS = """
    DELETE FROM dispatch.clocks k
     WHERE k.case_id = ANY ($1::uuid[])
       AND NOT EXISTS (
           SELECT FROM unnest($2::uuid[], $3::text[]) AS m (case_id, stage)
            WHERE m.case_id = k.case_id AND m.stage = k.stage
       )
"""

SET_CLOCKS = """
    INSERT INTO dispatch.clocks (case_id, stage, step, due_at, generation)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::int[])
    ON CONFLICT (case_id, stage) DO UPDATE
       SET step = excluded.step, due_at = excluded.due_at, generation = excluded.generation
"""


def oldest_edition(case: Case) -> int | None:
    """The same as `provisional_sql`, for a case that is copied in."""
    return min((clock.edition for clock in case.clocks if clock.edition is not None), default=None)


async def add_clocks(tx: Connection, cases: Sequence[Case]) -> None:
    """Set the timers of new cases."""
    await _write(tx, INSERT_CLOCKS, cases)


async def lock_due(tx: Connection, limit: int) -> tuple[list[Case], datetime | None]:
    """Lock up to `limit` cases whose timer has run out, the longest overdue first, and say what time it is."""
    rows = await tx.fetch(LOCK_DUE, limit)
    # A case of which two things fell due comes twice.
    cases = {row["id"]: row for row in rows}
    return [case_of(row) for row in cases.values()], rows[-1]["now"] if rows else None


async def lock_provisional(tx: Connection, edition: int, limit: int) -> tuple[list[Case], datetime | None]:
    """Lock up to `limit` open cases with a clock that was provisional before `edition`, and say the time."""
    rows = await tx.fetch(LOCK_PROVISIONAL, edition, limit)
    return [case_of(row) for row in rows], rows[-1]["now"] if rows else None


async def save_marks(tx: Connection, marked: Sequence[Case], looked_at: Sequence[Case], audit_key: AuditKey) -> None:
    """Write what `marked` became, and bring the timers of all that were `looked_at` up to their clocks."""
    if marked:
        rows, heads = timeline.told(marked, audit_key)
        await tx.execute(
            MARK_CASES,
            [case.id for case in marked],
            [case.status for case in marked],
            [case.version for case in marked],
            [case.revision for case in marked],
            [case.overdue for case in marked],
            [case.due_at for case in marked],
            [case.task_id for case in marked],
            [case.assignee for case in marked],
            [clocks_json(case) for case in marked],
            [matters_json(case.matters) for case in marked],
            heads,
            [",".join(asks) if (asks := asks_of(case)) else None for case in marked],
        )
        await timeline.add(tx, rows)
    due = [(case.id, timer) for case in looked_at for timer in timers(case)]
    await tx.execute(
        CLEAR_CLOCKS, [case.id for case in looked_at], [case_id for case_id, _ in due], [t.stage for _, t in due]
    )
    await _write(tx, SET_CLOCKS, looked_at)


async def _write(tx: Connection, statement: str, cases: Sequence[Case]) -> None:
    due = [(case.id, timer) for case in cases for timer in timers(case)]
    if due:
        await tx.execute(
            statement,
            [case_id for case_id, _ in due],
            [timer.stage for _, timer in due],
            [timer.step for _, timer in due],
            [timer.due_at for _, timer in due],
            [timer.generation for _, timer in due],
        )
