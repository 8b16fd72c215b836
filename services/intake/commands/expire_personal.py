"""End what is personal of reports whose time is over: the pack says how many months after the case ended."""

from calendar import monthrange
from datetime import datetime

from services.intake.domain.purposes import ENDED
from services.intake.store import media, subjects
from services.intake.store import personal as store
from services.intake.store.personal import Entry
from shared.jobs import Job
from shared.kernel.clock import Clock
from shared.kernel.ids import uuid7
from shared.polling import polling_job
from shared.postgres import Pool, transaction

# Small transactions, so that nobody waits long for a lock; an hour is soon enough for months.
BATCH = 200
EVERY_SECONDS = 3600.0
ACTOR = "system:retention"


async def expire_personal(pool: Pool, clock: Clock, months: int, batch: int = BATCH) -> int:
    """One batch: the keys of these reports end, and their persons' if nothing else is under them. How many it were."""
    now = clock()
    async with transaction(pool) as tx:
        due = await store.past(tx, months_before(now, months), ENDED, batch)
        if not due:
            return 0
        persons = sorted({subject for _, subject in due})
        await subjects.lock(tx, persons)
        gone = await store.end_reports(tx, sorted(report for report, _ in due), persons)
        cleared = await store.clear(tx, gone)
        await media.forget_offered_of(tx, await media.named_by(tx, gone, []))
        purpose = f"{months} months"
        entries = [Entry(uuid7(), now, "expire", ACTOR, None, purpose, "", report, key) for report, key in cleared]
        if entries:
            await store.add_entries(tx, entries)
    return len(due)


def expire_job(pool: Pool, clock: Clock, months: int) -> Job:
    """Several may run at once: they lock the same subjects in the same order."""

    async def expire() -> bool:
        return await expire_personal(pool, clock, months) == BATCH

    return polling_job("personal-retention", expire, every=EVERY_SECONDS)


def months_before(at: datetime, months: int) -> datetime:
    """The same day of the month so many months before, or the last one that month has."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))
