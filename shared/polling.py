"""Work that looks at the database again and again, and carries on with what it knew while the database is away."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from shared.jobs import Job, pause
from shared.postgres import is_outage

log = structlog.get_logger()


def polling_job(name: str, work: Callable[[], Awaitable[bool | None]], *, every: float) -> Job:
    """Calls `work` every so many seconds, and again at once when it answers that there is more to do.

    An outage is logged when it begins; any other error ends the job.
    """

    async def run(stop: asyncio.Event) -> None:
        failing = False
        while not stop.is_set():
            try:
                more = await work()
                failing = False
                if more:
                    continue
            except Exception as error:
                if not is_outage(error):
                    raise
                if not failing:
                    log.warning("cannot be refreshed; what was known stays in use", job=name, error=str(error))
                failing = True
            await pause(stop, every)

    return Job(name, run)
