"""Clocks that ran out: yellow at 80 % of the limit, red at 100 %."""

from services.dispatch.domain.acts import mark
from services.dispatch.outgoing import events_of
from services.dispatch.store import clocks
from services.dispatch.wiring import Wired
from shared import telemetry
from shared.postgres import transaction


async def mark_due(wired: Wired) -> int:
    """Mark one batch of the cases whose timers ran out. Returns how many were looked at: a full batch means more wait.

    Any number of workers may do this at once. Each mark is made under the case's lock from the case's own clocks, in
    the transaction that publishes it: exactly once, and never for a clock that an act has stopped.
    """
    async with transaction(wired.pool) as tx:
        due, now = await clocks.lock_due(tx, wired.settings.clock_batch)
        if now is None:
            return 0
        looked_at = [mark(case, now, wired.rules) for case in due]
        marked = [case for case in looked_at if case.facts]
        await clocks.save_marks(tx, marked, looked_at, wired.audit.current)
        await wired.outbox.add(tx, events_of(marked))
    wired.outbox.ring()
    telemetry.count("wangge.marks", sum(len(case.facts) for case in marked))
    return len(looked_at)
