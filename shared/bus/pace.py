"""A moment for records to gather: a loop that has just worked begins again a little later, with more in hand.

A turn costs its statements and its fetch however few records it moves: at a hundred reports a second, taken one by
one, six readers and relays kept two cores busy. A loop that has been idle begins at once.
"""

import asyncio

GATHER_SECONDS = 0.010


class Pace:
    """At most one turn in `GATHER_SECONDS`, unless there is so much that nothing needs to gather."""

    def __init__(self) -> None:
        self._next = 0.0
        self._began = 0.0

    async def turn(self) -> None:
        """Before a turn."""
        loop = asyncio.get_running_loop()
        if (early := self._next - loop.time()) > 0:
            await asyncio.sleep(early)
        self._began = loop.time()

    def worked(self, *, full: bool = False) -> None:
        """After a turn that moved something; `full` when there was as much as one takes."""
        self._next = 0.0 if full else self._began + GATHER_SECONDS
