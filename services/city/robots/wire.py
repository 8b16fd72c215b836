"""A plain HTTP/1.1 client for many small requests: keep-alive connections, one request at a time on each.

The robots are also the load of tests and measurements, on the machine that is measured: the connection pool of httpx
costs 3.1 ms of processor a request at 64 connections (most of it searching its own list); this one costs 0.14.
"""

import asyncio
import ssl
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools


class WireError(Exception):
    """The connection could not be made, or ended before the whole answer was there."""


class Response(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection; also what its parser calls back."""

    def __init__(self) -> None:
        self.usable = True
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None

    async def ask(self, request: bytes) -> Response:
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        if self._transport is None or not self.usable:
            raise WireError("connection closed")
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._fail(f"connection lost ({exc or 'closed by the server'})")

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WireError(why))

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.usable = self.usable and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Response(self._parser.get_status_code(), self._headers, b"".join(self._body)))


class Wire:
    """At most `connections` requests at a time to one server; the others wait their turn."""

    def __init__(self, base_url: str, *, connections: int, timeout: float = 30.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{base_url} is not an http:// or https:// address")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._address = parts.hostname, parts.port or (443 if self._tls else 80)
        self._host = parts.netloc.encode()
        self._prefix = parts.path.rstrip("/")
        self._turn = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []
        self._timeout = timeout

    async def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Response:
        """Raises WireError. The request may have been carried out all the same."""
        lines = [f"{method} {self._prefix}{path} HTTP/1.1".encode(), b"host: " + self._host]
        lines += [f"{name}: {value}".encode() for name, value in headers.items()]
        lines.append(b"content-length: %d\r\n\r\n" % len(body))
        request = b"\r\n".join(lines) + body
        async with self._turn:
            connection = await self._connection()
            try:
                async with asyncio.timeout(self._timeout):
                    response = await connection.ask(request)
            except TimeoutError:
                connection.close()
                raise WireError("no answer in time") from None
            except BaseException:
                # An answer that was not waited for would be taken for that of the next request.
                connection.close()
                raise
            if connection.usable:
                self._idle.append(connection)
            else:
                connection.close()
        return response

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        try:
            async with asyncio.timeout(10):
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection, *self._address, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            raise WireError(f"no connection ({type(error).__name__})") from None
        return connection
