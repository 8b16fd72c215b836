"""The background side of evaluation."""

from services.evaluation.consumers import subscriptions
from services.evaluation.wiring import Wired
from shared.jobs import Job


def worker_jobs(wired: Wired) -> list[Job]:
    """The consumers; there is nothing to relay."""
    return [wired.carrier.consumer_job(wired.pool, subscription) for subscription in subscriptions(wired)]
