"""Settle requests: every report has its row for Open311's readers, also one that dispatch never made a case of.

A report that becomes a case has it from the case's first fact. The others, and all that were there before this table,
get it here, so that a list need only look at the last minute's reports one by one.
"""

from datetime import timedelta

from services.intake.domain.open311 import ENDED, id_floor
from services.intake.store import open311_following as store
from shared.jobs import Job
from shared.kernel.clock import Clock
from shared.polling import polling_job
from shared.postgres import Pool

# By then a report that was given an id is stored: a group has 5 s, its queue as much again.
SETTLED_AFTER = timedelta(seconds=60)
PART = 2_000
EVERY_SECONDS = 5.0


async def settle_requests(pool: Pool, clock: Clock) -> bool:
    """One part; True if there is more to do."""
    return await store.settle(pool, id_floor(clock() - SETTLED_AFTER), PART, sorted(ENDED)) == PART


def settle_job(pool: Pool, clock: Clock) -> Job:
    """Several may run at once: one of them works."""

    async def settle() -> bool:
        return await settle_requests(pool, clock)

    return polling_job("open311-settle", settle, every=EVERY_SECONDS)
