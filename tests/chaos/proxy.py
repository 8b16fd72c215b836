"""A TCP proxy on the loopback interface whose connections can be cut as a dying router cuts them."""

import asyncio
import socket
import struct
from contextlib import suppress

# On, for zero seconds: closing sends a reset instead of a farewell.
LINGER_NONE = struct.pack("ii", 1, 0)
CHUNK = 1 << 16


class Proxy:
    """From a port of its own to `target`: a port of 127.0.0.1, or the path of a Unix socket (asked for each time)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.target: int | str = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", port, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    def reset(self) -> int:
        """Cut every connection there is, both sides with a reset. How many."""
        cut = list(self._open)
        for writer in cut:
            door = writer.get_extra_info("socket")
            with suppress(OSError, AttributeError):  # it may be gone already
                door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
            writer.transport.abort()
        return len(cut) // 2

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.reset()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if isinstance(self.target, str):
                far_reader, far_writer = await asyncio.open_unix_connection(self.target)
            else:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._open |= both
        try:
            # One direction that breaks ends both: a server killed with a request unread resets its socket, and the
            # client would wait for its answer until its own time-out.
            with suppress(OSError, RuntimeError):  # the second is uvloop's word for a closed transport
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._open -= both
            for each in both:
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, to its end; then the other side is told that nothing more comes."""
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()
