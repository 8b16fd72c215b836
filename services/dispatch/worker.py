"""The background side of dispatch: the relay, the consumers the clocks and the checkpoints of the audit trail."""

from services.dispatch.commands.make_checkpoint import keep_checkpoints
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
        checkpoint_job(wired),
    ]


def clock_job(wired: Wired) -> Job:
    """Marks what runs out: at each look, and at once while there is more than a batch."""

    async def mark() -> bool:
        return await mark_due(wired) >= wired.settings.clock_batch

    return polling_job("clocks", mark, every=wired.settings.clock_poll_seconds)


def checkpoint_job(wired: Wired) -> Job:
    """Puts what changed under a signed checkpoint; of several workers one at a time does."""

    async def keep() -> bool:
        return await keep_checkpoints(wired)

    return polling_job("audit-checkpoints", keep, every=min(30.0, wired.settings.audit_checkpoint_seconds / 5))
