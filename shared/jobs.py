"""Background work of a process: started together, restarted when it fails, stopped together."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

import structlog

log = structlog.get_logger()


class Job(NamedTuple):
    """`run` works until `stop` is set, then finishes what it began and returns."""

    name: str
    run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]


async def supervise(jobs: Sequence[Job], stop: asyncio.Event, *, drain_seconds: float = 10.0) -> None:
    """Run `jobs` until `stop` is set; a job that fails is logged and started again (0.2 s, doubling to 10 s).

    After `stop` the jobs have `drain_seconds` to finish; whatever is still running then is cancelled and logged.
    """
    tasks = {asyncio.create_task(_keep_running(job, stop), name=job.name) for job in jobs}
    if not tasks:
        await stop.wait()
        return
    try:
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=drain_seconds)
        for task in late:
            log.warning("job did not stop in time", job=task.get_name(), seconds=drain_seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_running(job: Job, stop: asyncio.Event) -> None:
    delay = 0.2
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await job.run(stop)
            return
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("job failed; starting it again", job=job.name, seconds=round(delay, 1))
            # A task group that failed leaves its request to cancel behind (until CPython 3.13), and a time-out of
            # 3.11.2, which is Debian 12's, then takes its own end for ours: the job would be gone without a word.
            if (task := asyncio.current_task()) is not None:
                while task.cancelling():
                    task.uncancel()
        if asyncio.get_running_loop().time() - began > 30:
            delay = 0.2
        await pause(stop, delay * random.uniform(0.7, 1.3))
        delay = min(delay * 2, 10.0)


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait up to `seconds`, or until `stop` is set. True if it is."""
    if not stop.is_set():
        try:
            async with asyncio.timeout(seconds):
                await stop.wait()
        except TimeoutError:
            pass
    return stop.is_set()
