"""What stands around every app: a limit on bodies, an answer to what nobody answered, a span a
request, and what an empty parameter means.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.http.problems import problem_response
from shared.kernel.errors import FieldError, Invalid, Refusal, TooLarge, UnsupportedMedia
from shared.leases import LIMITED


class PackedBody(UnsupportedMedia):
    slug, title, title_zh = "packed-body", "Compressed bodies are not taken", "不接受压缩的请求体"


class BodyLimit:
    """Refuses a body over `limit` bytes: at once by its Content-Length, else as soon as that much has come; and one
    that is compressed, since nobody can say how large it is.

    A route that takes larger bodies (media, batches) is added to `app.state.large_routes`: path → its own limit; a path
    that ends with `/*` stands for everything one step below it.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "DELETE"):
            await self._app(scope, receive, send)
            return
        large: Mapping[str, int] = getattr(scope["app"].state, "large_routes", {})
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        limit = large.get(path) or large.get(path.rpartition("/")[0] + "/*", self._limit)
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit:
                await problem_response(_too_large(limit), scope["path"])(scope, receive, send)
                return
            if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                await problem_response(_packed(value), scope["path"])(scope, receive, send)
                return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise _too_large(limit)
            return message

        await self._app(scope, counted, send)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body may have {limit:,} bytes at the most", facts={"limit_bytes": limit})


def _packed(coding: bytes) -> PackedBody:
    words = f"{coding[:40].decode('latin-1')!r} is not taken: send the body as it is, without Content-Encoding"
    return PackedBody(words, errors=[FieldError("header Content-Encoding", words)])


class EmptyMeansAbsent:
    """`?status=&cursor=` asks for the same as no query: many clients write what they have no value for so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        if b"=&" in query or query.endswith(b"="):
            given = (part for part in query.split(b"&") if part.partition(b"=")[2] or b"=" not in part)
            scope = {**scope, "query_string": b"&".join(given)}
        await self._app(scope, receive, send)


class Unbroken:
    """Answers what no handler answered: 503 for an outage, 500 for a bug, if the answer has not begun."""

    def __init__(self, app: ASGIApp, answer: Callable[[Request, Exception], Awaitable[Response]]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if b"%00" in scope["query_string"] or "\x00" in scope["path"]:
            refusal = _nul_in_address(scope["query_string"])
            await problem_response(refusal, scope["path"].replace("\x00", ""))(scope, receive, send)
            return
        began = False

        async def noticed(message: Message) -> None:
            nonlocal began
            began = began or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except asyncio.CancelledError:
            raise
        except Refusal as refusal:
            if began:
                raise
            await problem_response(refusal, scope["path"])(scope, receive, send)
        except Exception as error:
            if began:
                raise
            response = await self._answer(Request(scope), error)
            await response(scope, receive, send)


def _nul_in_address(query: bytes) -> Invalid:
    message = "must not contain the character U+0000"
    named = [name for name, value in parse_qsl(query.decode("latin-1")) if "\x00" in name + value]
    return Invalid(
        f"the address {message}",
        errors=[FieldError("?" + name.replace("\x00", ""), message) for name in named or ["path"]],
    )


class RateLimitFields:
    """Shows the caller of a key with limits what is left of them (`shared.leases`). 1 µs for a request without."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        LIMITED.set(None)

        async def shown(message: Message) -> None:
            if message["type"] == "http.response.start" and (lease := LIMITED.get()) is not None:
                message = {**message, "headers": [*message.get("headers", ()), *lease.fields()]}
            await send(message)

        await self._app(scope, receive, shown)


def route_of(scope: Scope) -> str:
    """The address as its route names it, such as `/intake/v1/reports/{report_id}`: for spans and logs, since what
    stands in an address may be a tracking code, or whatever somebody put there.
    """
    route = getattr(scope.get("route"), "path", "/…")
    return f"{scope.get('root_path', '')}{route}"


class Traced:
    """One span and one duration a request, child of the caller's `traceparent`. Only there when telemetry is on.

    A stream is left out: it is open for hours, and its span would hold all of them together.
    """

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].endswith(("/livez", "/readyz", "/stream")):
            await self._app(scope, receive, send)
            return
        parent = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"traceparent"), None)
        method = scope["method"]
        status, began = 500, time.perf_counter()

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with telemetry.span(method, parent=parent, service=self._service):
                try:
                    await self._app(scope, receive, noticed)
                finally:
                    telemetry.rename_span(f"{method} {route_of(scope)}")
        finally:
            # By class of status, not by path: a path holds ids, and each would be a series of its own.
            answered = {"service": self._service, "method": method, "status": f"{status // 100}xx"}
            telemetry.observe("wangge.http.duration", time.perf_counter() - began, **answered)
