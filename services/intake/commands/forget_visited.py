"""Forget who was visited: what names a person in field work is destroyed when it is no longer needed.

Personal data is kept for the shortest time that its purpose needs (个人信息保护法, art. 19); the length is a setting.
"""

from datetime import timedelta
from typing import Final

from services.intake.commands.expire_personal import ACTOR
from services.intake.store import activities as store
from services.intake.store import personal, subjects
from services.intake.store.personal import Entry
from shared.jobs import Job
from shared.kernel.clock import Clock
from shared.kernel.ids import uuid7
from shared.polling import polling_job
from shared.postgres import Pool, transaction

MOST: Final = 500
EVERY_SECONDS: Final = 3600.0


async def forget_visited(pool: Pool, clock: Clock, days: int) -> bool:
    """One small batch, and the persons under whom nothing is left; each is written down. True if there may be more."""
    now = clock()
    async with transaction(pool) as tx:
        due = await store.past(tx, now - timedelta(days=days), MOST)
        if not due:
            return False
        # Persons first, as whoever erases one does: two never wait for each other in a circle.
        persons = sorted({subject for _, subject in due if subject is not None})
        await subjects.lock(tx, persons)
        cleared = await store.clear(tx, sorted(activity for activity, _ in due))
        await personal.end_idle(tx, persons)
        purpose = f"{days} days"
        entries = [
            Entry(uuid7(), now, "expire", ACTOR, None, purpose, "", None, key, activity) for activity, key in cleared
        ]
        if entries:
            await personal.add_entries(tx, entries)
    return len(due) == MOST


def forget_visited_job(pool: Pool, clock: Clock, days: int) -> Job:
    """Several may run at once: they lock the same persons in the same order."""

    async def work() -> bool:
        return await forget_visited(pool, clock, days)

    return polling_job("forget-visited", work, every=EVERY_SECONDS)
