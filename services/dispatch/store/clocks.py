"""The durable timers: one row for each running clock that has a mark to reach."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.dispatch.audit.keys import AuditKey
from services.dispatch.domain.case import Case
from services.dispatch.domain.clocks import StageClock
from services.dispatch.store import timeline
from services.dispatch.store.rows import case_of, clocks_json
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

MARK_CASES = """
    WITH marked AS (
        UPDATE dispatch.cases c
           SET version = m.version, overdue = m.overdue, clocks = m.clocks, head = m.head
          FROM unnest($1::uuid[], $2::int[], $3::bool[], $4::jsonb[], $5::bytea[])
               AS m (id, version, overdue, clocks, head)
         WHERE c.id = m.id
        RETURNING c.id
    )
    INSERT INTO dispatch.audit_pending (case_id) SELECT id FROM marked
"""

# A timer whose clock stands, has all its marks or was started anew under another generation is taken away.
CLEAR_CLOCKS = """
    DELETE FROM dispatch.clocks k
     USING unnest($1::uuid[], $2::text[]) AS m (case_id, stage)
     WHERE k.case_id = m.case_id AND k.stage IS DISTINCT FROM m.stage
"""

SET_CLOCKS = """
    INSERT INTO dispatch.clocks (case_id, stage, step, due_at, generation)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::int[])
    ON CONFLICT (case_id, stage) DO UPDATE
       SET step = excluded.step, due_at = excluded.due_at, generation = excluded.generation
"""


class Timer(NamedTuple):
    """What a case's row in `dispatch.clocks` should say."""

    stage: str
    step: str
    due_at: datetime
    generation: int


def timer_of(case: Case) -> Timer | None:
    """The timer that `case` needs now; None if none of its clocks has a mark to reach."""
    clock: StageClock | None = case.running
    due = clock.next_mark if clock else None
    return Timer(clock.stage, due[0], due[1], clock.generation) if clock and due else None


async def add_clocks(tx: Connection, cases: Sequence[Case]) -> None:
    """Set the timers of new cases."""
    await _write(tx, INSERT_CLOCKS, cases)


async def lock_due(tx: Connection, limit: int) -> tuple[list[Case], datetime | None]:
    """Lock up to `limit` cases whose timer has run out, the longest overdue first, and say what time it is."""
    rows = await tx.fetch(LOCK_DUE, limit)
    return [case_of(row) for row in rows], rows[-1]["now"] if rows else None


async def save_marks(tx: Connection, marked: Sequence[Case], looked_at: Sequence[Case], audit_key: AuditKey) -> None:
    """Write what `marked` became, and bring the timers of all that were `looked_at` up to their clocks."""
    if marked:
        rows, heads = timeline.told(marked, audit_key)
        await tx.execute(
            MARK_CASES,
            [case.id for case in marked],
            [case.version for case in marked],
            [case.overdue for case in marked],
            [clocks_json(case) for case in marked],
            heads,
        )
        await timeline.add(tx, rows)
    timers = [timer_of(case) for case in looked_at]
    await tx.execute(CLEAR_CLOCKS, [case.id for case in looked_at], [t.stage if t else None for t in timers])
    await _write(tx, SET_CLOCKS, looked_at)


async def _write(tx: Connection, statement: str, cases: Sequence[Case]) -> None:
    timers = [(case.id, timer) for case in cases if (timer := timer_of(case))]
    if timers:
        await tx.execute(
            statement,
            [case_id for case_id, _ in timers],
            [timer.stage for _, timer in timers],
            [timer.step for _, timer in timers],
            [timer.due_at for _, timer in timers],
            [timer.generation for _, timer in timers],
        )
