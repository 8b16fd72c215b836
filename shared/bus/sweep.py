"""What is kept for a while only: idempotency outcomes and, on the embedded carrier, the log."""

import asyncio
import random
from typing import TYPE_CHECKING

import structlog

from shared.jobs import pause
from shared.postgres import Pool, is_outage

if TYPE_CHECKING:
    from shared.settings import Settings

log = structlog.get_logger()

EVERY_SECONDS = 60.0
# Small transactions, and pauses between them, so that nobody waits long for a lock.
BATCH = 2000


class Sweeper:
    """Deletes in small batches. Any number of them may run: what one deletes the others do not find."""

    def __init__(self, pool: Pool, schema: str, settings: "Settings", *, log: bool) -> None:
        self._pool = pool
        self._outcomes = f"""
            DELETE FROM {schema}.idempotency WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {schema}.idempotency
                 WHERE created_at < now() - make_interval(hours => $1) LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
        """
        self._hours = settings.idempotency_hours
        self._days = settings.embedded_log_days
        self._log = log

    async def run(self, stop: asyncio.Event) -> None:
        """Once a minute until `stop`."""
        while not await pause(stop, EVERY_SECONDS * random.uniform(0.8, 1.2)):
            try:
                await self.sweep(stop)
            except Exception as error:
                if not is_outage(error):
                    raise
                log.info("sweep put off", error=str(error))

    async def sweep(self, stop: asyncio.Event) -> None:
        """Everything that is old enough, now."""
        while await self._pool.execute(self._outcomes, self._hours) == f"DELETE {BATCH}":
            if await pause(stop, 0.05):
                return
        if self._log:
            while await self._pool.fetchval(SWEEP_LOG, self._days, BATCH):
                if await pause(stop, 0.05):
                    return


# Per partition from the oldest on, and where the log now begins in the same statement, so that a reader that stood
# still for longer is told. Partitions that another sweeper or a relay holds are left for the next time. Compacted
# topics stay.
SWEEP_LOG = """
    WITH parts AS MATERIALIZED (
        SELECT topic, partition FROM bus.counters WHERE NOT compacted ORDER BY topic, partition FOR UPDATE SKIP LOCKED
    ), old AS MATERIALIZED (
        SELECT p.topic, p.partition, l."offset"
          FROM parts AS p, LATERAL (
               SELECT l."offset", l.appended_at FROM bus.log AS l
                WHERE l.topic = p.topic AND l.partition = p.partition ORDER BY l."offset" LIMIT $2) AS l
         WHERE l.appended_at < now() - make_interval(days => $1)
    ), gone AS (
        DELETE FROM bus.log AS l USING old AS o
         WHERE l.topic = o.topic AND l.partition = o.partition AND l."offset" = o."offset"
        RETURNING l.topic, l.partition, l."offset"
    ), ends AS (
        SELECT topic, partition, max("offset") + 1 AS oldest FROM gone GROUP BY topic, partition
    ), moved AS (
        UPDATE bus.counters AS k SET start_offset = e.oldest FROM ends AS e
         WHERE k.topic = e.topic AND k.partition = e.partition RETURNING 1
    )
    SELECT count(*) FROM gone
"""
