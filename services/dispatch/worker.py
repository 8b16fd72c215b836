"""The background side of dispatch: the relay, the consumers, the clocks, and what else is kept current or sealed."""

from functools import partial

from services.dispatch.commands.carry_on import fold_moves, forget_days, read_words
from services.dispatch.commands.keep_accounts import sweep_tries
from services.dispatch.commands.make_checkpoint import keep_checkpoints
from services.dispatch.commands.mark_due import mark_due
from services.dispatch.commands.publish_calendar import load_calendars
from services.dispatch.commands.recount_cases import recount_cases
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
        polling_job("calendars", partial(load_calendars, wired), every=wired.settings.calendar_poll_seconds),
        recount_job(wired),
        wired.routing.job(),
        *register_jobs(wired.units, wired.duty, wired.pool),
        polling_job("sign-in tries", partial(sweep_tries, wired), every=600.0),
        checkpoint_job(wired),
        *desk_jobs(wired),
    ]


def clock_job(wired: Wired) -> Job:
    """Marks what runs out: at each look, and at once while there is more than a batch."""

    async def mark() -> bool:
        return await mark_due(wired) >= wired.settings.clock_batch

    return polling_job("clocks", mark, every=wired.settings.clock_poll_seconds)


def recount_job(wired: Wired) -> Job:
    """Counts deadlines again that waited for a calendar; while none was published a look is one descent of an index."""

    async def recount() -> bool:
        return await recount_cases(wired) >= wired.settings.clock_batch

    return polling_job("recount", recount, every=wired.settings.calendar_poll_seconds)


def checkpoint_job(wired: Wired) -> Job:
    """Puts what changed under a signed checkpoint; of several workers one at a time does."""

    async def keep() -> bool:
        return await keep_checkpoints(wired)

    return polling_job("audit-checkpoints", keep, every=min(30.0, wired.settings.audit_checkpoint_seconds / 5))


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
