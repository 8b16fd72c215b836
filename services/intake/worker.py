"""The background side of intake: the relay of its facts, and what it hears of cases."""

from services.intake.commands.sweep_clusters import clusters_job
from services.intake.consumers import subscriptions
from services.intake.wiring import SCHEMA, Wired
from shared import idempotency
from shared.jobs import Job


def worker_jobs(wired: Wired) -> list[Job]:
    """What a worker runs; there may be several at once."""
    return [
        wired.carrier.relay_job(wired.pool, wired.outbox),
        *(wired.carrier.consumer_job(wired.pool, subscription) for subscription in subscriptions(wired)),
        idempotency.sweep_job(wired.pool, SCHEMA, wired.settings.idempotency_hours),
        clusters_job(wired.pool),
    ]
