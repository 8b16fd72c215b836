"""What the OpenAPI document says of the protocol's routes: both formats, and errors in the protocol's own form."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Response

from services.intake.api.open311.form import MULTIPART, PLAIN

_ERRORS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["code", "description"],
        "properties": {"code": {"type": "integer"}, "description": {"type": "string"}},
    },
}
_XML: Final = {"schema": {"type": "string"}}
_REFUSED: Final[Mapping[str, Any]] = {
    "description": "Refused: errors, each with code and description",
    "content": {"application/json": {"schema": _ERRORS}, "text/xml": _XML},
}
_PLACE: Final = [{"required": ["lat", "long"]}, {"required": ["address_id"]}, {"required": ["address_string"]}]


def reading(said: str, *, parameters: list[dict[str, Any]] | None = None, many: bool = True) -> dict[str, Any]:
    """Of a GET. `many`: the JSON is an array, else an object."""
    shown = {"type": "array", "items": {"type": "object"}} if many else {"type": "object"}
    return {
        "response_class": Response,
        "responses": {
            200: {"description": said, "content": {"application/json": {"schema": shown}, "text/xml": _XML}},
            **{status: _REFUSED for status in (400, 403, 404, 413, 429, 500, 503)},
        },
        "openapi_extra": {"parameters": parameters} if parameters else None,
    }


def query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "in": "query",
        "name": name,
        "required": False,
        "description": description,
        "schema": {"type": "string", **schema},
    }


def posting(said: str, properties: Mapping[str, Any], *, required: list[str], place: bool = False) -> dict[str, Any]:
    """Of a POST with these fields."""
    fields: dict[str, Any] = {"type": "object", "required": required, "properties": dict(properties)}
    if place:
        fields["anyOf"] = _PLACE
    documented = reading(said)
    documented["openapi_extra"] = {
        "requestBody": {
            "required": True,
            "content": {PLAIN: {"schema": fields}, MULTIPART: {"schema": fields}},
        },
        "security": [],
    }
    return documented


JURISDICTION: Final = query("jurisdiction_id", "which part of the city; needed where the endpoint serves several")
_TRUTH: Final = ["true", "false", "1", "0", "yes", "no"]
EXTENSIONS: Final = query("extensions", "`true`: what the protocol's extensions add", enum=_TRUTH)
_TIME: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$"
PAGES: Final = [
    query("page", "from 1", pattern=r"^\d{1,5}$"),
    query("page_size", "up to 500; 50 where only a page is asked for", pattern=r"^[1-9]\d?$"),
]


def time(name: str, description: str) -> dict[str, Any]:
    return query(name, f"{description}: 2026-11-27T08:00:00Z", format="date-time", pattern=_TIME)
