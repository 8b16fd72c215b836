"""HTTP as every service speaks it: problems (RFC 9457), bodies, cursors, ETags. Functions a service calls."""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl

import orjson
import structlog
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.auth import Authenticator
from shared.health import Readiness, add_health_routes
from shared.kernel.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Refusal,
    StaleVersion,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    VersionRequired,
)
from shared.postgres import is_outage
from shared.settings import Settings

log = structlog.get_logger()

STATUS: Final[Mapping[type[Refusal], int]] = {
    Malformed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    StaleVersion: 412,
    TooLarge: 413,
    UnsupportedMedia: 415,
    Invalid: 422,
    VersionRequired: 428,
    TooMany: 429,
    Unavailable: 503,
}
PROBLEM_JSON: Final = "application/problem+json"
RETRY_SECONDS: Final = 2

T = TypeVar("T")


class Body(BaseModel):
    """A request body: unknown members are refused, so that a misspelt one is never silently dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="after")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        # PostgreSQL text cannot hold U+0000; say so here rather than fail at the INSERT.
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("must not contain the character U+0000")
        return value


class Listing(BaseModel, Generic[T]):
    """A page of a list. `next` is the cursor of the page after it, null on the last."""

    items: list[T]
    next: str | None = None


PageLimit = Annotated[int, Query(ge=1, le=500, description="items a page")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]


class BadCursor(Invalid):
    slug, title, title_zh = "bad-cursor", "Not a cursor of this list", "游标无效"


class BadEtag(Invalid):
    slug, title, title_zh = "bad-if-match", "If-Match is not an ETag of ours", "If-Match 无效"


class MissingIfMatch(VersionRequired):
    slug, title, title_zh = "if-match-required", "If-Match is required", "必须提供 If-Match"


def encode_cursor(*parts: str | int) -> str:
    """An opaque place in a list: where its next page starts."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode_cursor(text: str, parts: int) -> list[Any]:
    """The parts given to `encode_cursor`. Raises BadCursor."""
    try:
        found = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if isinstance(found, list) and len(found) == parts and all(isinstance(p, str | int) for p in found):
            return found
    except ValueError:
        pass
    raise BadCursor(
        "give the 'next' of the page before, unchanged, or leave it out", errors=[FieldError("?cursor", "not a cursor")]
    )


def etag(revision: int) -> str:
    return f'"{revision}"'


def if_match(request: Request) -> int:
    """The revision that the caller decided on. Raises MissingIfMatch, BadEtag."""
    value = request.headers.get("if-match")
    if value is None:
        raise MissingIfMatch('send If-Match: "<revision>", the ETag of the state you decided on')
    match = re.fullmatch(r'(?:W/)?"(\d{1,9})"', value.strip())
    if match is None:
        raise BadEtag(
            f'{value[:40]!r} is not one of our ETags; they look like "7"',
            errors=[FieldError("header If-Match", 'a revision in double quotes: "7"')],
        )
    return int(match[1])


def problem(refusal: Refusal, instance: str) -> dict[str, Any]:
    """The RFC 9457 members that describe `refusal`."""
    return {
        **refusal.facts,
        "type": f"/problems/{refusal.slug}",
        "title": refusal.title,
        "title_zh": refusal.title_zh,
        "status": status_of(refusal),
        "detail": refusal.detail,
        "instance": instance,
        "errors": [{"pointer": e.pointer, "message": e.message} for e in refusal.errors],
    }


def status_of(refusal: Refusal | type[Refusal]) -> int:
    """The HTTP status of a refusal's kind."""
    kind = refusal if isinstance(refusal, type) else type(refusal)
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)


def problem_response(refusal: Refusal, instance: str) -> Response:
    status = status_of(refusal)
    headers = {}
    if status in (429, 503):
        headers["Retry-After"] = str(refusal.facts.get("retry_after", RETRY_SECONDS))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 412 and isinstance(refusal.facts.get("etag"), str):
        headers["ETag"] = str(refusal.facts["etag"])
    content = orjson.dumps(problem(refusal, instance), default=str)
    return Response(content, status, headers, media_type=PROBLEM_JSON)


def outage_problem() -> Unavailable:
    return Unavailable(
        "the database cannot be reached; nothing was stored, send the same request again",
        facts={"retry_after": RETRY_SECONDS},
    )


def field_errors(errors: list[Any], *, skip: int = 0) -> list[FieldError]:
    """Pydantic's errors as JSON pointers; `skip` leading parts of each location are left out."""
    found = []
    for error in errors:
        parts = [str(p) for p in error["loc"][skip:]]
        found.append(FieldError("/" + "/".join(p.replace("~", "~0").replace("/", "~1") for p in parts), error["msg"]))
    return found


def invalid_body(error: ValidationError) -> Refusal:
    """What a body that a model refused is answered with: Malformed for bad JSON, else Invalid with each field."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    if any(e["type"] == "json_invalid" for e in errors):
        return Malformed(f"the body is not JSON: {errors[0]['msg']}")
    return Invalid(_sentence(found := field_errors(errors)), errors=found)


def _sentence(errors: list[FieldError]) -> str:
    named = "; ".join(f"{e.pointer}: {e.message}" for e in errors[:3])
    return named + (f"; and {len(errors) - 3} more" if len(errors) > 3 else "")


def new_app(
    name: str,
    *,
    title: str,
    description: str,
    wired: object,
    authenticator: Authenticator,
    settings: Settings,
    readiness: Readiness,
) -> FastAPI:
    """A service's app: its routes are `/v1/…` and it is mounted under `/<name>`."""
    app = FastAPI(
        title=title,
        description=description,
        version="1",
        servers=[{"url": f"/{name}"}],
        swagger_ui_parameters={"tryItOutEnabled": True},
        responses={"default": {"description": "Refused: problem+json (RFC 9457)"}},
    )
    app.state.wired = wired
    app.state.authenticator = authenticator
    add_health_routes(app, readiness)
    answer_refusals(app)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    if settings.cors_origins:
        from fastapi.middleware.cors import CORSMiddleware

        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"]
        )
    if telemetry.enabled():
        app.add_middleware(Traced, service=name)
    return app


def answer_refusals(app: FastAPI) -> None:
    """Refusals, bad input and outages become problem+json; anything else is a 500 that says nothing of our insides."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return problem_response(error, request.url.path)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(_invalid_request(error), request.url.path)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _http_problem(error, request)

    async def broken(request: Request, error: Exception) -> Response:
        if is_outage(error):
            log.warning("request met an outage", path=request.url.path, error=repr(error))
            return problem_response(outage_problem(), request.url.path)
        log.error("request failed", path=request.url.path, exc_info=error)
        body = {
            "type": "/problems/internal",
            "title": "Something is wrong on our side",
            "title_zh": "服务器内部错误",
            "status": 500,
            "detail": "the error was logged; the request may be sent again with the same Idempotency-Key",
            "instance": request.url.path,
            "errors": [],
        }
        return JSONResponse(body, 500, media_type=PROBLEM_JSON)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_middleware(Unbroken, answer=broken)


def _invalid_request(error: RequestValidationError) -> Refusal:
    errors = error.errors()
    if any(e["type"] == "json_invalid" for e in errors):
        where = next(e for e in errors if e["type"] == "json_invalid")
        return Malformed(f"the body is not JSON: {where.get('ctx', {}).get('error', where['msg'])}")
    found = []
    for e in errors:
        source, *rest = e["loc"]
        if source == "body":
            found += field_errors([e], skip=1)
        else:
            prefix = {"query": "?", "header": "header ", "path": "path "}.get(str(source), "")
            found.append(FieldError(prefix + ".".join(str(p) for p in rest), e["msg"]))
    return Invalid(_sentence(found), errors=found)


_HTTP_WORDS: Final = {
    404: ("not-found", "No such thing", "未找到", "there is nothing at this address; /docs lists the routes"),
    405: ("method-not-allowed", "This method is not for this address", "不支持该请求方法", "see the Allow header"),
    413: ("too-large", "Too large", "内容过大", "the body is larger than this address takes"),
}


def _http_problem(error: HTTPException, request: Request) -> Response:
    if isinstance(error.__cause__, Refusal):  # raised while the framework read the body
        return problem_response(error.__cause__, request.url.path)
    slug, title, title_zh, detail = _HTTP_WORDS.get(
        error.status_code, ("http", str(error.detail), "请求有误", str(error.detail))
    )
    if slug == "not-found" and error.detail != "Not Found":
        detail = str(error.detail)
    if error.status_code == 400:
        slug, title, title_zh = Malformed.slug, Malformed.title, Malformed.title_zh
    body = {
        "type": f"/problems/{slug}",
        "title": title,
        "title_zh": title_zh,
        "status": error.status_code,
        "detail": detail,
        "instance": request.url.path,
        "errors": [],
    }
    return JSONResponse(body, error.status_code, headers=error.headers, media_type=PROBLEM_JSON)


class BodyLimit:
    """Refuses a body over `limit` bytes: at once by its Content-Length, else as soon as that much has come.

    A route that takes larger bodies (media, batches) is added to `app.state.large_routes`: path → its own limit.
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
        limit = large.get(path, self._limit)
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit:
                await problem_response(_too_large(limit), scope["path"])(scope, receive, send)
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


class Traced:
    """One span a request, child of the caller's `traceparent`. Only there when telemetry is on.

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
        name = f"{scope['method']} {scope['path']}"
        with telemetry.span(name, parent=parent, service=self._service):
            await self._app(scope, receive, send)


def wired_of(request: Request) -> Any:
    """What the service was wired with; each api module narrows it to its own `Wired`."""
    return request.app.state.wired
