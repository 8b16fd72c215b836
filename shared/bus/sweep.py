"""What is kept for a while only: the log of the embedded carrier."""

import asyncio

from shared.jobs import Job
from shared.polling import polling_job
from shared.postgres import Pool

EVERY_SECONDS = 60.0
# Small transactions, and pauses between them, so that nobody waits long for a lock.
BATCH = 2000
PAUSE_SECONDS = 0.05


def log_sweep_job(pool: Pool, days: int) -> Job:
    """Deletes what is older than `days`, in small batches. Several may run: what one deletes others do not find."""

    async def sweep() -> None:
        more = True
        while more:
            more = bool(await pool.fetchval(SWEEP_LOG, days, BATCH))
            await asyncio.sleep(PAUSE_SECONDS)

    return polling_job("log-sweep", sweep, every=EVERY_SECONDS)


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
