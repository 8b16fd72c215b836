"""Refusals as problem+json (RFC 9457), and what a model found wrong as field errors."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi.responses import Response
from pydantic import ValidationError

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
    pointer_to,
)

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
# Bad fields that an answer lists: 60,000 misspelt ones in a mebibyte made an answer of four.
MOST_ERRORS: Final = 100


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


def internal_problem(instance: str) -> dict[str, Any]:
    """What is told of a bug: nothing of our insides."""
    return {
        "type": "/problems/internal",
        "title": "Something is wrong on our side",
        "title_zh": "服务器内部错误",
        "status": 500,
        "detail": "the error was logged; the request may be sent again with the same Idempotency-Key",
        "instance": instance,
        "errors": [],
    }


def outage_problem() -> Unavailable:
    return Unavailable(
        "the database cannot be reached; nothing was stored, send the same request again",
        facts={"retry_after": RETRY_SECONDS},
    )


def field_errors(errors: list[Any], *, skip: int = 0) -> list[FieldError]:
    """Pydantic's errors as JSON pointers, the first of them; `skip` leading parts of each location are left out."""
    return [FieldError(pointer_to(*error["loc"][skip:]), error["msg"]) for error in errors[:MOST_ERRORS]]


def invalid_body(error: ValidationError) -> Refusal:
    """What a body that a model refused is answered with: Malformed for bad JSON, else Invalid with each field."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    if any(e["type"] == "json_invalid" for e in errors):
        return Malformed(f"the body is not JSON: {errors[0]['msg']}")
    return Invalid(sentence(found := field_errors(errors), len(errors)), errors=found)


def sentence(errors: list[FieldError], count: int = 0) -> str:
    """The first three of them in one line, and how many more there are, of `count` where not all are given."""
    named = "; ".join(f"{e.pointer}: {e.message}" for e in errors[:3])
    more = max(count, len(errors)) - 3
    return named + (f"; and {more} more" if more > 0 else "")
