"""Clocks that came to a step: yellow at 80 % of the limit, red at 100 %, and what the pack adds."""

from datetime import datetime

from services.dispatch.domain.case import Case
from services.dispatch.domain.due import mark, recompute
from services.dispatch.domain.rules import Rules
from services.dispatch.outgoing import events_of
from services.dispatch.store import clocks
from services.dispatch.wiring import Wired
from shared import telemetry
from shared.postgres import transaction


async def mark_due(wired: Wired) -> int:
    """Fire what is due in one batch of the cases whose timers ran out. Returns how many were looked at: a full batch
    means more wait.

    Any number of workers may do this at once. Each step fires under the case's lock from the case's own clocks, in
    the transaction that publishes it: exactly once, and never for a clock that an act has stopped.
    """
    async with transaction(wired.pool) as tx:
        due, now = await clocks.lock_due(tx, wired.settings.clock_batch)
        if now is None:
            return 0
        rules = wired.rules
        looked_at = [_marked(case, now, rules.for_area(case.area)) for case in due]
        marked = [case for case, before in zip(looked_at, due, strict=True) if case is not before]
        await clocks.save_marks(tx, marked, looked_at, wired.audit.current)
        await wired.outbox.add(tx, events_of(marked))
    wired.outbox.ring()
    telemetry.count("wangge.marks", sum(len(case.facts) for case in marked))
    return len(looked_at)


def _marked(case: Case, now: datetime, rules: Rules) -> Case:
    # A deadline that waits to be counted again is no deadline to mark.
    return mark(recompute(case, now, rules), now, rules)
