"""Deadlines that rested on a provisional year, counted again once its calendar is published."""

from services.dispatch.domain.due import recompute
from services.dispatch.outgoing import events_of
from services.dispatch.store import clocks
from services.dispatch.wiring import Wired
from shared import telemetry
from shared.postgres import transaction


async def recount_cases(wired: Wired) -> int:
    """Look at one batch of the open cases that wait for a published year. Returns how many: a full batch means more.

    Any number of workers may do this at once, and be ended at any time: what a case waits for stands in its own row and
    is written in the transaction that counts it again, under the case's lock. A case that a process counted from older
    calendars, because it had not heard of the new one yet, is found like any other.
    """
    edition, rules = wired.in_force.edition, wired.rules
    if not edition:
        return 0
    async with transaction(wired.pool) as tx:
        waiting, now = await clocks.lock_provisional(tx, edition, wired.settings.clock_batch)
        if now is None:
            return 0
        looked_at = [recompute(case, now, rules.for_area(case.area)) for case in waiting]
        await clocks.save_marks(tx, looked_at, looked_at, wired.audit.current)
        await wired.outbox.add(tx, events_of(looked_at))
    wired.outbox.ring()
    telemetry.count("wangge.recounted", sum(len(case.facts) for case in looked_at))
    return len(looked_at)
