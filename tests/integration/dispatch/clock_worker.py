"""A worker's clocks in a process of their own, to be killed and to live in another time.

`python -m tests.integration.dispatch.clock_worker work|hold`: `work` fires what is due until it is ended; `hold` takes
a batch, has written nearly everything and never commits. Says one word when it has come so far. With SHIFT_SECONDS in
its environment it believes in another time of day.
"""

import asyncio
import os
import sys
import time

from services.dispatch.commands import mark_due as command
from services.dispatch.settings import DispatchSettings
from services.dispatch.wiring import wire
from services.dispatch.worker import clock_job
from shared.bus.opening import open_carrier
from shared.bus.outbox import Outbox


def shift(seconds: float) -> None:
    """As if the machine's clock were wrong by so much; time that only passes (`monotonic`) is right."""
    now, nanoseconds = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: nanoseconds() + int(seconds * 1e9)


class Holding(Outbox):
    """Never comes to the end of a transaction."""

    async def add(self, *anything: object) -> None:
        print("holding", flush=True)
        await asyncio.Event().wait()


async def main(mode: str) -> None:
    settings = DispatchSettings()
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        if mode == "hold":
            object.__setattr__(wired, "outbox", Holding("dispatch", wired.outbox.wake))
            await command.mark_due(wired)
        print("working", flush=True)
        await clock_job(wired).run(asyncio.Event())


if __name__ == "__main__":
    shift(float(os.environ.get("SHIFT_SECONDS", "0")))
    asyncio.run(main(sys.argv[1]))
