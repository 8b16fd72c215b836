"""Forget who was visited: what names a person in field work is destroyed when it is no longer needed.

Personal data is kept for the shortest time that its purpose needs (个人信息保护法, art. 19); the length is a setting.
"""

from datetime import timedelta
from typing import Final

from services.intake.store import activities as store
from shared.jobs import Job
from shared.kernel.clock import Clock
from shared.polling import polling_job
from shared.postgres import Pool

MOST: Final = 1_000
EVERY_SECONDS: Final = 3600.0


async def forget_visited(pool: Pool, clock: Clock, days: int) -> bool:
    """One small batch; True if there may be more."""
    return await store.forget(pool, clock() - timedelta(days=days), MOST) == MOST


def forget_visited_job(pool: Pool, clock: Clock, days: int) -> Job:
    async def work() -> bool:
        return await forget_visited(pool, clock, days)

    return polling_job("forget-visited", work, every=EVERY_SECONDS)
