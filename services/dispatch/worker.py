"""The background side of dispatch: the relay, the consumers and the clocks."""

import asyncio

import structlog

from services.dispatch.commands.mark_due import mark_due
from services.dispatch.consumers import subscriptions
from services.dispatch.wiring import SCHEMA, Wired
from shared import idempotency
from shared.jobs import Job, pause
from shared.postgres import is_outage

log = structlog.get_logger()


def worker_jobs(wired: Wired) -> list[Job]:
    """What a worker runs; there may be several at once."""
    return [
        wired.carrier.relay_job(wired.pool, wired.outbox),
        *(wired.carrier.consumer_job(wired.pool, subscription) for subscription in subscriptions(wired)),
        idempotency.sweep_job(wired.pool, SCHEMA, wired.settings.idempotency_hours),
        clock_job(wired),
    ]


def clock_job(wired: Wired) -> Job:
    """Marks what runs out, at once while there is more than a batch, else at each look."""

    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                looked_at = await mark_due(wired)
            except Exception as error:
                if not is_outage(error):
                    raise
                # Not a failed job, which is started again ever more rarely: marks are due as soon as it is back.
                log.warning("clocks wait for the database", error=str(error))
                await pause(stop, 1.0)
                continue
            if looked_at < wired.settings.clock_batch:
                await pause(stop, wired.settings.clock_poll_seconds)

    return Job("clocks", run)
