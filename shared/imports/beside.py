"""What a generator makes, made in a process of its own: one item is on its way while the one before is dealt with.

In a thread the two would share one interpreter, and each answer of Postgres would wait for its turn.
"""

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncGenerator, Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from typing import Generic, TypeVar

P = TypeVar("P")
T = TypeVar("T")


class ReaderEnded(Exception):
    """The process that reads the file ended before the file did."""


class Beside(Generic[P, T]):
    """`make(plan)` in a process of its own; it ends with this object, or with this process. Both travel by pickle."""

    def __init__(self, make: Callable[[P], Iterator[T]], plan: P) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(make, plan, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def next(self) -> T | None:
        """The next item; None after the last. Blocks. Raises what making it raised, ReaderEnded."""
        try:
            found = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise ReaderEnded(f"the process that reads the file ended ({self._process.exitcode})") from None
        if isinstance(found, BaseException):
            raise found
        item: T | None = found
        return item

    def close(self) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.join()


async def beside(make: Callable[[P], Iterator[T]], plan: P) -> AsyncGenerator[T, None]:
    """The items of `make(plan)`. One ahead: while one is stored the next is on its way."""
    reading = Beside(make, plan)
    loop = asyncio.get_running_loop()
    coming = loop.run_in_executor(None, reading.next)
    try:
        while (item := await coming) is not None:
            coming = loop.run_in_executor(None, reading.next)
            yield item
    finally:
        reading.close()
        with contextlib.suppress(Exception):
            await coming


def _work(make: Callable[[P], Iterator[T]], plan: P, pipe: Pipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that stores
    gc.disable()  # rows make no cycles, and looking for some takes a tenth of the time
    try:
        for item in make(plan):
            pipe.send(item)
        pipe.send(None)
    except BrokenPipeError:
        pass  # nobody wants it any more
    except Exception as error:
        pipe.send(error)
