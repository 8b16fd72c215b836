"""What the OpenAPI document says of every operation, said once: refusals as problem+json, who may ask, limits, names.

A route tells what is its own: its input, its answer, and refusals beyond those that follow from its shape (`refusals`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from shared.auth import caller
from shared.http.problems import PROBLEM_JSON, problem, status_of
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

OPEN: Final[dict[str, Any]] = {"security": [{}]}
"""`openapi_extra` of a route that also answers callers without credentials."""

_PLACE: Final = "#/components/responses/"
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_RETRY: Final = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}, "required": True}}
_LIMITS: Final[Mapping[str, Any]] = {
    "RateLimit": {
        "description": 'what is left of the key\'s rate and quota, if it has them: `"second";r=9;t=1`',
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'the key\'s rate and quota, if it has them: `"second";q=10;w=1`',
        "schema": {"type": "string"},
    },
}
_PROBLEM: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457). Some kinds carry more members: facts of the case.",
    "type": "object",
    "required": ["type", "title", "title_zh", "status", "detail", "instance", "errors"],
    "properties": {
        "type": {"type": "string", "description": "`/problems/<slug>`, stable; GET it for an explanation"},
        "title": {"type": "string", "description": "the kind of refusal, in English"},
        "title_zh": {"type": "string", "description": "the same in Chinese 中文"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "what is wrong with this request, and what would be right"},
        "instance": {"type": "string", "description": "the path that was asked for"},
        "errors": {
            "type": "array",
            "description": "each bad field",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "a JSON pointer into the body, `?name` of the query, `header Name`, `path name`",
                    },
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_KINDS: Final[Mapping[int, tuple[str, Refusal]]] = {
    status_of(kind): (said, kind(detail, errors=[FieldError(*field) for field in fields]))
    for kind, said, detail, *fields in (
        (Malformed, "the bytes are not what they say they are", "the body is not JSON: EOF while parsing a value"),
        (Unauthenticated, "no credentials, or not valid ones", "send 'Authorization: Bearer <key or token>'"),
        (Forbidden, "not this caller's to do", "110108.012 lies outside 110108.011, the area of this caller"),
        (NotFound, "not there, or not for this caller", "there is no case with this id"),
        (Conflict, "the state of things does not allow it", "the first request with this key has not ended yet"),
        (StaleVersion, "decided on an older state", "revision 7 is past; it is at 8"),
        (TooLarge, "the body is too large", "the body may have 1,048,576 bytes at the most"),
        (UnsupportedMedia, "a kind of content that is not taken", "send application/json"),
        (Invalid, "understood, and wrong", "/location/lat: above 90", ("/location/lat", "above 90")),
        (VersionRequired, "If-Match is missing", 'send If-Match: "<revision>", the ETag of the state you decided on'),
        (TooMany, "too many requests", "10 requests a second are this key's rate"),
        (Unavailable, "not now; nothing was changed", "the database cannot be reached; send the same request again"),
    )
}
_INTERNAL: Final = "a fault of ours: it was logged, and nothing of it is told"
_HEADERS: Final[Mapping[int, Mapping[str, Any]]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    429: {**_RETRY, **_LIMITS},
    503: _RETRY,
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that is refused with these as well."""
    return {status: {"$ref": f"{_PLACE}{status}"} for status in statuses}


class DescribedApp(FastAPI):
    """FastAPI, whose document tells the whole."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        self.openapi_schema = None  # until it is whole
        _complete(document)
        self.openapi_schema = document
        return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation of a document: path, method, and what is said of it."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def name_of(route: APIRoute) -> str:
    """An operation is named as its function is; no two of a service have the same name."""
    return route.name


def allowed_methods(app: FastAPI, path: str) -> set[str]:
    """The documented methods of an address; those of a route that spells the path out stand before those of a pattern
    that it would fit as well. Empty: there is no such address.
    """
    found: dict[int, set[str]] = {}
    for route in _routes(app):
        if route.include_in_schema and (match := route.path_regex.match(path)):
            found.setdefault(len(match.groups()), set()).update(route.methods or ())
    return found[min(found)] if found else set()


def _routes(app: FastAPI) -> Iterator[APIRoute]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context  # type: ignore[misc]


def _complete(document: dict[str, Any]) -> None:
    """Everything that holds for every operation; what a route says itself stays."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components.setdefault("securitySchemes", {})["bearer"] = caller.model.model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    used = set()
    for path, _, operation in operations(document):
        if operation["summary"] == operation["operationId"].replace("_", " ").title():  # the framework's, of no use
            sentence = re.split(r"[.:;](?:\s|$)", operation.get("description", ""), maxsplit=1)[0]
            operation["summary"] = " ".join(sentence.split())
        if (security := operation.get("security")) and {} in security:
            operation["security"] = [{"bearer": []}, {}]
        for parameter in operation.get("parameters", ()):
            _tidy(parameter)
        answers = operation["responses"] = _answers(path, operation)
        used |= {answer["$ref"].removeprefix(_PLACE) for answer in answers.values() if "$ref" in answer}
    components["responses"] = {status: _answer(int(status)) for status in sorted(used)}


def _tidy(parameter: dict[str, Any]) -> None:
    """A parameter is never null, only left out; and an empty one of the query is none (`shared.http.middleware`)."""
    schema = parameter["schema"]
    schema.pop("title", None)
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema |= kinds[0]
    if "description" in parameter:
        schema.pop("description", None)
    if parameter["in"] == "query" and not parameter.get("required"):
        parameter["allowEmptyValue"] = True
    elif parameter["in"] == "query" and schema.get("type") == "string":
        schema.setdefault("minLength", 1)


def _answers(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {s: answer for s, answer in operation["responses"].items() if s != "default"}
    for status, answer in own.items():
        if "$ref" in answer:
            own[status] = {"$ref": answer["$ref"]}  # the framework puts a description beside it
        elif status < "4" and operation.get("security"):
            answer["headers"] = {**_LIMITS, **answer.get("headers", {})}
    # A route that says itself how a bad request is answered speaks another protocol than ours.
    if "400" not in own:
        own = {str(s): answer for s, answer in refusals(*_follow(path, operation)).items()} | own
    return dict(sorted(own.items()))


def _follow(path: str, operation: Mapping[str, Any]) -> set[int]:
    """The refusals that follow from an operation's shape."""
    headers = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"}
    found = {422, 500, 503}  # 422: a NUL in any address
    if operation.get("security"):
        found |= {401, 403, 429}
    if "{" in path:
        found.add(404)
    if "requestBody" in operation:
        found |= {400, 413}
    if "Idempotency-Key" in headers:
        found.add(409)
    if "If-Match" in headers:
        found |= {409, 412, 428}
    return found


def _answer(status: int) -> dict[str, Any]:
    if status == 500:
        return {
            "description": _INTERNAL,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    said, example = _KINDS[status]
    shown = problem(example, "/intake/v1/reports")
    answer = {
        "description": f"{type(example).title} {type(example).title_zh}: {said}",
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": shown}},
    }
    if status in _HEADERS:
        answer["headers"] = dict(_HEADERS[status])
    return answer
