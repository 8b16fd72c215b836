"""Say of a report that nobody took it over from whoever was asked first 首问责任 in the time that the pack gives."""

from datetime import timedelta

from services.intake import outgoing
from services.intake.store import facts as fact_store
from services.intake.store import first_asked as store
from shared.bus.outbox import Outbox
from shared.jobs import Job
from shared.kernel.clock import Clock
from shared.polling import polling_job
from shared.postgres import Pool, transaction

# Hours are the measure; a minute is soon enough.
EVERY_SECONDS = 60.0
BATCH = 200


async def mark_first_asked(pool: Pool, outbox: Outbox, clock: Clock, limit: timedelta) -> bool:
    """One batch, with a fact for each, told once; True if there may be more. Whoever was asked stays answerable."""
    now = clock()
    async with transaction(pool) as tx:
        late = await store.mark_overdue(tx, now, now - limit, BATCH)
        if not late:
            return False
        tellings = await fact_store.next_facts(tx, sorted(each.report_id for each in late))
        await outbox.add(tx, [outgoing.first_asked_overdue(each, tellings[each.report_id]) for each in late])
    outbox.ring()
    return len(late) == BATCH


def first_asked_jobs(pool: Pool, outbox: Outbox, clock: Clock, hours: int | None) -> list[Job]:
    """None where the pack sets no limit. Several may run at once: each row is one's alone."""
    if hours is None:
        return []
    limit = timedelta(hours=hours)

    async def mark() -> bool:
        return await mark_first_asked(pool, outbox, clock, limit)

    return [polling_job("first-asked", mark, every=EVERY_SECONDS)]
