"""The durable timers: one row for each running clock that has a step to reach; and what moves without an act."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.dispatch.domain.case import Case
from services.dispatch.domain.clocks import StageClock
from services.dispatch.domain.steps import name_of
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
    UPDATE dispatch.cases c
       SET version = m.version, due_at = m.due_at, overdue = m.overdue, clocks = m.clocks,
           provisional_edition = {provisional_sql("m.clocks")}
      FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::bool[], $5::jsonb[])
           AS m (id, version, due_at, overdue, clocks)
     WHERE c.id = m.id
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
    """The timer that `case` needs now; None if none of its clocks has a step to reach."""
    clock: StageClock | None = case.running
    if clock is None or clock.ahead is None:
        return None
    return Timer(clock.stage, name_of(clock.ahead.percent), clock.ahead.at, clock.generation)


def oldest_edition(case: Case) -> int | None:
    """The same as `provisional_sql`, for a case that is copied in."""
    return min((clock.edition for clock in case.clocks if clock.edition is not None), default=None)


async def add_clocks(tx: Connection, cases: Sequence[Case]) -> None:
    """Set the timers of new cases."""
    await _write(tx, INSERT_CLOCKS, cases)


async def lock_due(tx: Connection, limit: int) -> tuple[list[Case], datetime | None]:
    """Lock up to `limit` cases whose timer has run out, the longest overdue first, and say what time it is."""
    rows = await tx.fetch(LOCK_DUE, limit)
    return [case_of(row) for row in rows], rows[-1]["now"] if rows else None


async def lock_provisional(tx: Connection, edition: int, limit: int) -> tuple[list[Case], datetime | None]:
    """Lock up to `limit` open cases with a clock that was provisional before `edition`, and say the time."""
    rows = await tx.fetch(LOCK_PROVISIONAL, edition, limit)
    return [case_of(row) for row in rows], rows[-1]["now"] if rows else None


async def save_marks(tx: Connection, marked: Sequence[Case], looked_at: Sequence[Case]) -> None:
    """Write what `marked` became, and bring the timers of all that were `looked_at` up to their clocks."""
    if marked:
        await tx.execute(
            MARK_CASES,
            [case.id for case in marked],
            [case.version for case in marked],
            [case.due_at for case in marked],
            [case.overdue for case in marked],
            [clocks_json(case) for case in marked],
        )
        await timeline.add(tx, marked)
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
