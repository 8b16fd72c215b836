"""Dropping what is kept no longer: old facts of the log, ended tickets. In small batches, so that nobody waits."""

import asyncio
from datetime import timedelta

import structlog

from services.notify.store import log as log_store
from services.notify.store import tickets
from shared.jobs import Job, pause
from shared.kernel.clock import Clock
from shared.postgres import Pool, is_outage, transaction

log = structlog.get_logger()

BATCH = 5_000
EVERY_SECONDS = 30.0


async def sweep_log(pool: Pool, clock: Clock, keep: timedelta, batch: int = BATCH) -> int:
    """Drop one batch of the log's oldest facts, as far as they are older than `keep`; how many it were."""
    async with transaction(pool) as tx:
        return await log_store.sweep(tx, clock() - keep, batch)


async def sweep_tickets(pool: Pool, clock: Clock, batch: int = BATCH) -> int:
    """Drop one batch of ended tickets; how many it were."""
    async with transaction(pool) as tx:
        return await tickets.sweep(tx, clock(), batch)


def sweep_job(pool: Pool, clock: Clock, keep: timedelta) -> Job:
    """Sweeps every half minute; after a full batch it goes on at once. Two workers sweeping do each other no harm."""

    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            wait = EVERY_SECONDS
            try:
                if max(await sweep_log(pool, clock, keep), await sweep_tickets(pool, clock)) >= BATCH:
                    wait = 0.05
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("the sweep waits for the database", error=str(error))
            await pause(stop, wait)

    return Job("sweep", run)
