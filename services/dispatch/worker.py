"""The background side of dispatch: the relay, the consumers, the clocks and the routing rules it opens cases by."""

from services.dispatch.commands.mark_due import mark_due
from services.dispatch.consumers import subscriptions
from services.dispatch.wiring import SCHEMA, Wired
from shared import idempotency
from shared.jobs import Job
from shared.polling import polling_job


def worker_jobs(wired: Wired) -> list[Job]:
    """What a worker runs; there may be several at once."""
    return [
        wired.carrier.relay_job(wired.pool, wired.outbox),
        *(wired.carrier.consumer_job(wired.pool, subscription) for subscription in subscriptions(wired)),
        idempotency.sweep_job(wired.pool, SCHEMA, wired.settings.idempotency_hours),
        clock_job(wired),
        wired.routing.job(),
    ]


def clock_job(wired: Wired) -> Job:
    """Marks what runs out: at each look, and at once while there is more than a batch."""

    async def mark() -> bool:
        return await mark_due(wired) >= wired.settings.clock_batch

    return polling_job("clocks", mark, every=wired.settings.clock_poll_seconds)
