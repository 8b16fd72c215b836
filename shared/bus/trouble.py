"""What a relay or a reader does when Postgres or the broker is away: wait, say so once, go on when it is back."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from shared.jobs import pause
from shared.kernel.errors import Unavailable
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool, is_outage

log = structlog.get_logger()

LONGEST_WAIT = 5.0


class Trouble:
    """The outage, if any, that one job is in. One line in the log when it begins, one when it ends."""

    def __init__(self, job: str, also: Callable[[BaseException], bool] = lambda error: False) -> None:
        self._job = job
        self._also = also
        self._delay = 0.05
        self._since: float | None = None

    async def wait_out(self, error: Exception, stop: asyncio.Event) -> None:
        """Wait before the next try, longer each time (0.05 s to 5 s, jittered); what is no outage is raised."""
        if not (is_outage(error) or isinstance(error, Unavailable) or self._also(error)):
            raise error
        if self._since is None:
            self._since = asyncio.get_running_loop().time()
            log.warning("waiting for Postgres or the broker", job=self._job, error=f"{type(error).__name__}: {error}")
        await pause(stop, self._delay * random.uniform(0.5, 1.0))
        self._delay = min(self._delay * 2, LONGEST_WAIT)

    def over(self) -> None:
        """Something went through."""
        if self._since is not None:
            seconds = round(asyncio.get_running_loop().time() - self._since, 1)
            log.warning("going on after an outage", job=self._job, seconds=seconds)
            self._since = None
        self._delay = 0.05


async def finished(work: Coroutine[Any, Any, object], seconds: float) -> None:
    """Let `work` end, for `seconds` at most, whatever it raises: a client's farewell from a server that may be away.

    As a task of its own: aiokafka's `stop` may raise CancelledError, which would end our own job unseen.
    """
    task = asyncio.create_task(work)
    _, late = await asyncio.wait({task}, timeout=seconds)
    for each in late:
        each.cancel()
    if not late and not task.cancelled():
        task.exception()


def is_cancelled() -> bool:
    """True when this very task is asked to end; a CancelledError without that is a library's own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@asynccontextmanager
async def dedicated(pool: Pool, settings: Mapping[str, str]) -> AsyncIterator[Connection]:
    """A connection of the pool for one job alone, with session settings of its own; closed at the end."""
    connection = await pool.acquire(timeout=ACQUIRE_SECONDS)
    try:
        for name, value in settings.items():
            await connection.execute("SELECT set_config($1, $2, false)", name, value)
        yield connection
    finally:
        # What the session holds (locks, settings) ends with it; the pool opens another when one is needed.
        with suppress(Exception):
            await connection.close(timeout=2)
        with suppress(Exception):
            await pool.release(connection)
