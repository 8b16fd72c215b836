"""The background side of dispatch: the relay, the consumers, the clocks, and what desks ask for."""

from services.dispatch.commands.carry_on import fold_moves, forget_days, read_words
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
        *desk_jobs(wired),
    ]


def clock_job(wired: Wired) -> Job:
    """Marks what runs out: at each look, and at once while there is more than a batch."""

    async def mark() -> bool:
        return await mark_due(wired) >= wired.settings.clock_batch

    return polling_job("clocks", mark, every=wired.settings.clock_poll_seconds)


def desk_jobs(wired: Wired) -> list[Job]:
    """Counters and words follow the cases. Nobody waits for the first, a search finds a case within a second or so."""

    async def fold() -> bool:
        return await fold_moves(wired)

    async def read() -> bool:
        return await read_words(wired)

    async def forget() -> None:
        await forget_days(wired)

    return [
        polling_job("case-counts", fold, every=1.0),
        polling_job("case-words", read, every=1.0),
        polling_job("case-days", forget, every=600.0),
    ]
