"""Clusters whose window is over are forgotten: nothing can join them any more, though their case may still be open."""

from services.intake.store import clusters
from shared.jobs import Job
from shared.polling import polling_job
from shared.postgres import Pool

# Nobody waits for it: a cluster out of its window is passed over as well. Small transactions, as for other sweeps.
EVERY_SECONDS = 300.0
BATCH = 2_000


def clusters_job(pool: Pool) -> Job:
    """Deletes them in small batches. Several may run at once."""

    async def sweep() -> bool:
        return await clusters.sweep(pool, BATCH) == BATCH

    return polling_job("clusters-sweep", sweep, every=EVERY_SECONDS)
