"""Thousands of subscribers in one process, each a bare socket that keeps what it hears and when."""

import asyncio
import re
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple, cast

from tests.bench.measure import BenchTrouble

AT_ONCE = 100
OPEN_SECONDS = 40
_EVENT = re.compile(rb'data: \{"specversion":"1.0","id":"([0-9a-f-]{36})"')


class Heard(NamedTuple):
    """What one round brought: seconds until the last byte was here; of every event that several heard, the seconds from
    the first of them to the last, the longest of these.
    """

    seconds: float
    behind: float


class Subscriber(asyncio.Protocol):
    """One client. `area` is what it listens to; `chunks` what came, with the instant at which it did."""

    __slots__ = ("_crowd", "_hello", "_tail", "area", "chunks", "opened", "transport")

    def __init__(self, crowd: "Crowd", area: str, hello: bytes) -> None:
        self._crowd, self.area, self._hello = crowd, area, hello
        self.chunks: list[tuple[float, bytes]] = []
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
                self.opened.set_exception(BenchTrouble(f"a stream was answered {data[:300].decode(errors='replace')}"))
            elif b": stream from " in data:  # after the headers, in the same read or the next
                self.opened.set_result(None)
            return
        # An event ends with an empty line, and nothing else does; it may be cut in two between the line's ends.
        count = data.count(b"\n\n") + (self._tail == b"\n" and data.startswith(b"\n"))
        self._tail = data[-1:]
        if count:
            self.chunks.append((time.monotonic(), data))
            self._crowd.heard(count)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(BenchTrouble(f"a stream was cut off before it began: {exc}"))
        self._crowd.lost += 1


class Crowd:
    """`hello` is what a client sends to listen to an area; the answer begins with the comment `stream from`."""

    def __init__(self, port: int, hello: Callable[[str], bytes]) -> None:
        self._port, self._hello = port, hello
        self._clients: list[Subscriber] = []
        self._count = self._wanted = 0
        self._all_here = asyncio.Event()
        self.lost = 0

    async def join(self, areas: Sequence[str]) -> None:
        """One more client for each of `areas`."""
        loop = asyncio.get_running_loop()
        for n in range(0, len(areas), AT_ONCE):
            made = [Subscriber(self, area, self._hello(area)) for area in areas[n : n + AT_ONCE]]
            async with asyncio.timeout(OPEN_SECONDS):
                await asyncio.gather(
                    *(loop.create_connection(lambda one=one: one, "127.0.0.1", self._port) for one in made)  # type: ignore[misc]
                )
                await asyncio.gather(*(one.opened for one in made))
            self._clients += made

    async def leave(self) -> None:
        for client in self._clients:
            if client.transport is not None:
                client.transport.abort()
        self._clients.clear()
        await asyncio.sleep(0.1)

    def heard(self, count: int) -> None:
        self._count += count
        if self._count >= self._wanted:
            self._all_here.set()

    def begin(self, wanted: int) -> None:
        """A round in which `wanted` events are to be heard, those of all clients added up."""
        self._count, self._wanted, self.lost = 0, wanted, 0
        self._all_here.clear()
        for client in self._clients:
            client.chunks.clear()

    async def end(self, began: float, seconds: float, expected: dict[str, list[bytes]]) -> Heard:
        """Wait until all is here. `expected`: by area the ids of its events, in order of nothing in particular.

        Raises BenchTrouble unless each client heard each event of its area once, and no other.
        """
        try:
            await asyncio.wait_for(self._all_here.wait(), seconds)
        except TimeoutError:
            raise BenchTrouble(f"{self._count:,} of {self._wanted:,} events were heard in {seconds:.0f} s") from None
        if self.lost:
            raise BenchTrouble(f"{self.lost} clients were cut off")
        ended = max(client.chunks[-1][0] for client in self._clients if client.chunks)
        wanted = {area: sorted(ids) for area, ids in expected.items()}
        first: dict[bytes, float] = {}
        last: dict[bytes, float] = {}
        for client in self._clients:
            found = _events(client.chunks)
            if sorted(event for event, _ in found) != wanted.get(client.area, []):
                raise BenchTrouble(f"a client of {client.area} did not hear exactly the events of its area")
            for event, at in found:
                first[event] = min(at, first.get(event, at))
                last[event] = max(at, last.get(event, at))
        return Heard(ended - began, max(last[event] - first[event] for event in last))


def _events(chunks: Sequence[tuple[float, bytes]]) -> list[tuple[bytes, float]]:
    """Each event's id, and the instant at which its last byte was here."""
    ends = [*accumulate(len(data) for _, data in chunks)]
    whole = b"".join(data for _, data in chunks)
    return [
        (match[1], chunks[bisect_right(ends, whole.index(b"\n\n", match.end()) + 1)][0])
        for match in _EVENT.finditer(whole)
    ]
