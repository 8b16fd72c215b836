"""The bytes of one stream, as a bare ASGI response: no task, timer or buffer of its own beside the request's."""

import asyncio
import time
from collections.abc import Iterator, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.notify.domain.frame import HEARTBEAT, Frame, cut_off, opening, reset
from services.notify.domain.live import CutOff, Start
from services.notify.queries.catch_up import page_of
from services.notify.queries.open_streams import OpenStream, OpenStreams
from shared.postgres import Pool, is_outage

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
# One write for what has gathered, up to the size at which the server's own buffer makes us wait (64 KiB).
CHUNK_BYTES = 65_536
AHEAD_SECONDS = 0.02


class EventStream(Response):
    """Reads up from its start to the live end, joins there without a gap, and goes on until one side ends it."""

    def __init__(self, pool: Pool, streams: OpenStreams, stream: OpenStream, start: Start) -> None:
        # Not Response.__init__: it would build headers and a body that are never used.
        self.status_code = 200
        self.background = None
        self.body = b""
        self.raw_headers = list(HEADERS)
        self._pool = pool
        self._streams = streams
        self._stream = stream
        self._position = start.position
        self._reset = start.reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.opened(self._stream)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
            first = opening(self._position)
            if self._reset is not None:
                first += reset(self._reset, self._position)
            await self._write(send, first)
            if await self._catch_up(receive, send):
                await self._follow(receive, send)
        except asyncio.CancelledError:
            # A client that was cut off and reads no more; or the process has waited long enough. The connection is
            # closed by the server when this returns.
            if self._stream.listener.cut is None:
                raise
        finally:
            self._streams.ended(self._stream)

    async def _catch_up(self, receive: Receive, send: Send) -> bool:
        """Send what was missed, page by page; True when the listener has joined the live end."""
        live, listener = self._streams.live, self._stream.listener
        while not live.join(listener, self._position):
            if listener.cut is not None:
                await self._end(send)
                return False
            if self._position > live.position:  # another replica has seen more; ours is milliseconds behind
                await asyncio.sleep(AHEAD_SECONDS)
            elif not await self._next_page(send):
                await asyncio.sleep(1.0)
            if listener.beat_due:
                listener.beat_due = False
                if is_gone(receive):
                    return False
                await self._write(send, HEARTBEAT)
        return True

    async def _next_page(self, send: Send) -> bool:
        """False when the database could not be had: the client waits, its place is kept."""
        try:
            async with self._streams.catching_up:
                page = await page_of(
                    self._pool, self._stream.listener.interest, self._position, self._streams.live.position
                )
        except Exception as error:
            if not is_outage(error):
                raise
            return False
        if self._position + 1 < page.oldest:  # swept while we were on the way
            self._position = page.oldest - 1
            await self._write(send, reset("older_than_the_log", self._position))
            return True
        for chunk in chunks(page.frames):
            await self._write(send, chunk)
        self._position = page.upto
        return True

    async def _follow(self, receive: Receive, send: Send) -> None:
        """Send what comes."""
        stream, listener = self._stream, self._stream.listener
        while True:
            await stream.something()
            # What is queued now is all there is for this client up to here, unless its queue was thrown away.
            too_slow, upto, frames = listener.cut is CutOff.TOO_SLOW, self._streams.live.position, listener.take()
            for chunk in chunks(frames):
                await self._write(send, chunk)
            if not too_slow:
                self._position = upto
            if listener.cut is not None and not listener.waiting:
                await self._end(send)
                return
            if listener.beat_due:
                listener.beat_due = False
                if is_gone(receive):
                    return
                if not frames:
                    await self._write(send, HEARTBEAT)

    async def _write(self, send: Send, body: bytes) -> None:
        self._stream.sending_since = time.monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._stream.sending_since = None

    async def _end(self, send: Send) -> None:
        """The last event, and the end of the response."""
        reason = self._stream.listener.cut
        assert reason is not None
        await send({"type": "http.response.body", "body": cut_off(reason, self._position)})


def chunks(frames: Sequence[Frame]) -> Iterator[bytes]:
    """The frames' bytes joined into as few writes as their size allows."""
    if len(frames) == 1:
        yield frames[0].payload
        return
    gathered: list[bytes] = []
    size = 0
    for frame in frames:
        gathered.append(frame.payload)
        size += len(frame.payload)
        if size >= CHUNK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def is_gone(receive: Receive) -> bool:
    """Whether the client has hung up, without waiting for it.

    `receive` is started by hand and put away again if it would wait; a task that waits in it for the whole life of the
    stream is what this saves.
    """
    for _ in range(2):  # the first message may still be the (empty) request body
        waiting = receive()
        try:
            waiting.send(None)  # type: ignore[attr-defined]
        except StopIteration as done:
            if done.value["type"] == "http.disconnect":
                return True
        else:
            waiting.close()  # type: ignore[attr-defined]
            return False
    return False
