"""An app with everything that a service of ours has: health, problems, limits. Functions a service calls."""

from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from shared import telemetry
from shared.auth import Authenticator
from shared.health import Readiness, add_health_routes
from shared.http.docs import add_docs
from shared.http.middleware import BodyLimit, EmptyMeansAbsent, RateLimitFields, Traced, Unbroken, route_of
from shared.http.openapi import DescribedApp, allowed_methods, name_of
from shared.http.problems import (
    MOST_ERRORS,
    PROBLEM_JSON,
    field_errors,
    internal_problem,
    outage_problem,
    problem_response,
    sentence,
)
from shared.kernel.errors import FieldError, Invalid, Malformed, NotFound, Refusal
from shared.postgres import is_outage
from shared.settings import Settings

log = structlog.get_logger()

# Headers of answers that a page of another origin may read: without them no browser resumes an upload (tus 1.0).
EXPOSED: Final = [
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Tus-Resumable",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Offset",
]


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
    app = DescribedApp(
        title=title,
        description=description,
        version="1",
        servers=[{"url": f"/{name}"}],
        docs_url=None,  # the framework's pages are made of what other hosts serve
        redoc_url=None,
        generate_unique_id_function=name_of,
        # In place of the framework's 422, which is not ours; shared.http.openapi tells each refusal.
        responses={"default": {"description": "Refused: problem+json (RFC 9457)"}},
    )
    app.state.wired = wired
    app.state.authenticator = authenticator
    add_health_routes(app, readiness)
    add_docs(app)
    answer_refusals(app)
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(EmptyMeansAbsent)
    app.add_middleware(RateLimitFields)
    if settings.cors_origins:
        from fastapi.middleware.cors import CORSMiddleware

        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    if telemetry.enabled():
        app.add_middleware(Traced, service=name)
    return app


def answer_refusals(app: FastAPI) -> None:
    """Refusals, bad input and outages become problem+json; anything else is a 500 that says nothing of our insides."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        if isinstance(error, Invalid | NotFound) and _is_for_others(request):
            return _http_problem(HTTPException(405), request)
        return problem_response(error, request.url.path)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if _is_for_others(request):
            return _http_problem(HTTPException(405), request)
        return problem_response(_invalid_request(error), request.url.path)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _http_problem(error, request)

    async def broken(request: Request, error: Exception) -> Response:
        if is_outage(error):
            log.warning("request met an outage", path=route_of(request.scope), error=repr(error))
            return problem_response(outage_problem(), request.url.path)
        log.error("request failed", path=route_of(request.scope), exc_info=error)
        return JSONResponse(internal_problem(request.url.path), 500, media_type=PROBLEM_JSON)

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
    for e in errors[:MOST_ERRORS]:
        source, *rest = e["loc"]
        if source == "body":
            found += field_errors([e], skip=1)
        else:
            prefix = {"query": "?", "header": "header ", "path": "path "}.get(str(source), "")
            found.append(FieldError(prefix + ".".join(str(p) for p in rest), e["msg"]))
    return Invalid(sentence(found, len(errors)), errors=found)


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
    headers = {"Allow": ", ".join(sorted(_allowed(request)))} if error.status_code == 405 else error.headers
    return JSONResponse(body, error.status_code, headers=headers, media_type=PROBLEM_JSON)


def _is_for_others(request: Request) -> bool:
    """`GET /v1/reports/batch` is no report of a bad id: that address is there, and is posted to."""
    allowed = _allowed(request)
    return bool(allowed) and request.method not in allowed


def _allowed(request: Request) -> set[str]:
    return allowed_methods(request.app, request.scope["path"].removeprefix(request.scope.get("root_path", "")))


def wired_of(request: Request) -> Any:
    """What the service was wired with; each api module narrows it to its own `Wired`."""
    return request.app.state.wired
