"""Taking turns: which webhooks this worker sends for now."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from services.notify.commands.deliver import Deliver, Lease, deliver
from services.notify.store import deliveries
from services.notify.store.deliveries import Turn
from shared.bus.wake import Wake
from shared.jobs import Job, pause
from shared.postgres import is_outage, transaction

log = structlog.get_logger()

# A worker that was killed leaves its webhooks silent for so long.
LEASE_FOR = timedelta(seconds=30)
AT_ONCE = 16
POLL_SECONDS = 0.25
# Between two looks for turns: an event waits for so long at the most, and a busy log costs 20 claims a second, not 200.
SPACING_SECONDS = 0.05
GIVE_BACK_SECONDS = 0.5


async def claim(do: Deliver, limit: int, lasting: timedelta = LEASE_FOR) -> tuple[UUID, float, list[Turn]]:
    """Take up to `limit` turns: the lease, until when (monotonic) a delivery may begin, and the turns.

    The clock starts before the claim and stops a delivery's time before the end, so that the last one is over by then.
    """
    lease, began = uuid4(), time.monotonic()
    async with transaction(do.pool) as tx:
        turns = await deliveries.claim(tx, lease, lasting, limit)
    return lease, began + lasting.total_seconds() - do.sender.seconds - 5, turns


def webhook_job(do: Deliver, appended: Wake) -> Job:
    """Sends for up to sixteen webhooks at once for as long as the process runs; several workers share by lease."""

    async def run(stop: asyncio.Event) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            with appended.listening() as bell:
                while not stop.is_set():
                    try:
                        await _begin(do, running, stop)
                    except Exception as error:
                        if not is_outage(error):
                            raise
                        log.warning("webhooks wait for the database", error=str(error))
                        await pause(stop, 1.0)
                    await pause(stop, SPACING_SECONDS)
                    await bell.wait(POLL_SECONDS)
        finally:
            if running:
                await asyncio.wait(running)

    return Job("webhooks", run)


async def _begin(do: Deliver, running: set[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Take as many turns as there is room for."""
    if len(running) >= AT_ONCE:
        return
    lease, until, turns = await claim(do, AT_ONCE - len(running))
    for turn in turns:
        task = asyncio.create_task(_one(do, turn, Lease(lease, until, stop)))
        running.add(task)
        task.add_done_callback(running.discard)


async def _one(do: Deliver, turn: Turn, lease: Lease) -> None:
    try:
        await deliver(do, turn, lease)
    except Exception as error:
        if not is_outage(error):
            log.exception("a webhook's turn failed", webhook=str(turn.id))
        await _give_back(do, turn, lease)


async def _give_back(do: Deliver, turn: Turn, lease: Lease) -> None:
    """End a turn that failed as soon as the database is there: nobody else sends while its lease runs.

    Left to itself the lease would keep the webhook silent for up to half a minute after the outage.
    """
    while not lease.over:
        try:
            async with transaction(do.pool) as tx:
                await deliveries.release(tx, turn.id, lease.id)
            return
        except Exception as error:
            if not is_outage(error):
                log.exception("a webhook's turn could not be given back", webhook=str(turn.id))
                return
        await pause(lease.stop, GIVE_BACK_SECONDS)
