"""The background side of notify."""

from datetime import timedelta

from services.notify.commands.sweep import sweep_job
from services.notify.commands.tell_reporters import early_job
from services.notify.commands.webhook_turns import webhook_job
from services.notify.consumers import subscriptions
from services.notify.wiring import SCHEMA, Wired
from shared import idempotency
from shared.jobs import Job


def worker_jobs(wired: Wired) -> list[Job]:
    """The consumers that fill the log, the webhooks, the sweep; what reporters are to be told, and its relay."""
    return [
        *(wired.carrier.consumer_job(wired.pool, subscription) for subscription in subscriptions(wired)),
        webhook_job(wired.deliver, wired.appended),
        idempotency.sweep_job(wired.pool, SCHEMA, wired.settings.idempotency_hours),
        wired.carrier.relay_job(wired.pool, wired.outbox),
        early_job(wired.pool, wired.outbox),
        sweep_job(wired.pool, wired.clock, timedelta(days=wired.settings.stream_log_days)),
    ]
