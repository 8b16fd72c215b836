"""A subscriber to the city's stream that keeps every byte it hears, and resumes when it is cut off."""

import asyncio
import itertools
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.bench.measure import BenchTrouble


class Watcher:
    """Counts the events of one type as they arrive; what they say is read afterwards, when nothing is measured."""

    def __init__(self, base: str, headers: dict[str, str], area: str, counted: str) -> None:
        self._at = urlsplit(base)
        self._headers, self._area = headers, area
        self._mark = b"event: " + counted.encode() + b"\n"
        self._chunks: list[tuple[float, bytes]] = []
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()
        self.opened = asyncio.Event()
        self.count = 0
        self.last_at = 0.0

    async def __aenter__(self) -> "Watcher":
        self._task = asyncio.create_task(self._listen())
        await asyncio.wait_for(self.opened.wait(), 10)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, count: int, seconds: float) -> float:
        """The instant at which the `count`-th event of the counted type had arrived."""
        deadline = time.monotonic() + seconds
        while self.count < count:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            self._heard.clear()
            try:
                await asyncio.wait_for(self._heard.wait(), max(0.01, deadline - time.monotonic()))
            except TimeoutError:
                raise BenchTrouble(f"{self.count} of {count} cases reached the stream in {seconds:.0f} s") from None
        return self.last_at

    def events(self) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """Every event heard since the last call: the instant at which all of it was here, its type and its data."""
        chunks, self._chunks = self._chunks, []
        ends = [*itertools.accumulate(len(chunk) for _, chunk in chunks)]
        at = 0
        for frame in b"".join(chunk for _, chunk in chunks).split(b"\n\n"):
            at += len(frame) + 2
            kind = body = b""
            for line in frame.split(b"\n"):
                if line.startswith(b"event: "):
                    kind = line[7:]
                elif line.startswith(b"data: "):
                    body = line[6:]
            if kind and body:
                yield chunks[bisect_left(ends, at)][0], kind.decode(), orjson.loads(body)

    async def _listen(self) -> None:
        token: bytes | None = None
        while True:
            token = await self._stream(token)

    async def _stream(self, token: bytes | None) -> bytes | None:
        reader, writer = await asyncio.open_connection(self._at.hostname, self._at.port, limit=1 << 22)
        try:
            lines = [f"GET /notify/v1/stream?area={self._area} HTTP/1.1", "Host: bench"]
            lines += [f"{name}: {value}" for name, value in self._headers.items()]
            if token is not None:
                lines.append(f"Last-Event-ID: {token.decode()}")
            writer.write("\r\n".join([*lines, "", ""]).encode())
            status = await reader.readline()
            if b" 200 " not in status:
                raise BenchTrouble(f"the stream answers {status!r}")
            while (await reader.readline()) != b"\r\n":
                pass
            return await self._frames(reader, token)
        finally:
            writer.close()

    async def _frames(self, reader: asyncio.StreamReader, token: bytes | None) -> bytes | None:
        self.opened.set()
        while size := int((await reader.readline()) or b"0", 16):
            chunk = await reader.readexactly(size + 2)
            body = chunk[:-2]
            now = time.monotonic()
            self._chunks.append((now, body))
            if (found := body.count(self._mark)) > 0:
                self.count += found
                self.last_at = now
                self._heard.set()
            at = body.rfind(b"\nid: ")
            if at >= 0:
                token = body[at + 5 : body.index(b"\n", at + 5)]
        return token
