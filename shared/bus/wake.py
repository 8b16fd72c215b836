"""A bell inside one process: work that was just committed is looked for at once instead of at the next poll."""

import asyncio
import contextlib
from collections.abc import Iterator


class Wake:
    """`ring` from anywhere in the loop's thread; one or more waiters each hear it."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Wake every waiter. A ring that comes while a waiter is busy is kept until it waits again."""
        for waiter in self._waiters:
            waiter.set()

    @contextlib.contextmanager
    def listening(self) -> Iterator["Bell"]:
        """A bell that hears each ring from now on."""
        heard = asyncio.Event()
        self._waiters.add(heard)
        try:
            yield Bell(heard)
        finally:
            self._waiters.discard(heard)


class Bell:
    """One waiter's ear at a `Wake`."""

    def __init__(self, heard: asyncio.Event) -> None:
        self._heard = heard

    async def wait(self, seconds: float) -> bool:
        """Until the next ring, or `seconds` long. True if it rang, also when it did before the call."""
        if not self._heard.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._heard.wait()
        rang = self._heard.is_set()
        self._heard.clear()
        return rang
