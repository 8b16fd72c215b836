"""The background side of dispatch: the relay, the consumers and the clocks."""

from functools import partial

from services.dispatch.commands.keep_accounts import sweep_tries
from services.dispatch.commands.mark_due import mark_due
from services.dispatch.consumers import subscriptions
from services.dispatch.live import register_jobs
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
        *register_jobs(wired.units, wired.duty, wired.pool),
        polling_job("sign-in tries", partial(sweep_tries, wired), every=600.0),
    ]


def clock_job(wired: Wired) -> Job:
    """Marks what runs out: at each look, and at once while there is more than a batch."""

    async def mark() -> bool:
        return await mark_due(wired) >= wired.settings.clock_batch

    return polling_job("clocks", mark, every=wired.settings.clock_poll_seconds)
