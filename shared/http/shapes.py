"""Bodies, pages of lists, ETags: what every route's requests and answers are made of."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import orjson
from fastapi import Header, Query, Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, field_validator

from shared.kernel.errors import FieldError, Invalid, VersionRequired

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
Cursor = Annotated[
    str | None, Query(description="`next` of the page before", json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"})
]
Revision = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description='the ETag of the state decided on: "7"',
        json_schema_extra={"pattern": '^"[0-9]{1,9}"$'},
    ),
]
"""For the document; a route reads it by `if_match`."""
_AREA: Final = r"[0-9A-Za-z_-]{1,32}(\.[0-9A-Za-z_-]{1,32}){0,7}"
AREA_PATH: Final[dict[str, Any]] = {"pattern": f"^{_AREA}$"}
"""`json_schema_extra` of an area path; `AreaPath.parse` reads and refuses it."""
AREA: Final[dict[str, Any]] = {"pattern": f"^({_AREA})?$"}
"""The same, or empty for the whole city."""


def _written(value: Any) -> Any:
    # Pydantic would take a bare number for the seconds since 1970, which nobody means by "2026".
    if isinstance(value, int | float) or (isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", value)):
        raise ValueError("give an RFC 3339 time with offset, such as 2026-11-25T08:00:00+08:00")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_written)]


class BadCursor(Invalid):
    slug, title, title_zh = "bad-cursor", "Not a cursor of this list", "游标无效"


class BadEtag(Invalid):
    slug, title, title_zh = "bad-if-match", "If-Match is not an ETag", "If-Match 无效"


class MissingIfMatch(VersionRequired):
    slug, title, title_zh = "if-match-required", "If-Match is required", "必须提供 If-Match"


def one_way(
    ways: Mapping[str, tuple[Sequence[str], Sequence[str]]], examples: Sequence[Any] = ()
) -> Callable[[dict[str, Any]], None]:
    """`json_schema_extra` of a body that is given in one of several ways: of each, what must be given and what may; all
    else is left out, or null. In place of one object in which everything is optional.
    """

    def told(schema: dict[str, Any]) -> None:
        given: dict[str, dict[str, Any]] = schema.pop("properties")
        schema["oneOf"] = [
            {
                "title": way,
                "type": "object",
                "required": list(must),
                "additionalProperties": schema["additionalProperties"],
                "properties": {
                    name: kind["anyOf"][0] if name in must else kind if name in may else {"type": "null"}
                    for name, kind in given.items()
                },
            }
            for way, (must, may) in ways.items()
        ]
        del schema["additionalProperties"]
        if examples:
            schema["examples"] = list(examples)

    return told


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
    """The revision that the caller decided on; 0, which none is, for an ETag of somebody else's. Raises MissingIfMatch,
    BadEtag.
    """
    value = request.headers.get("if-match", "").strip()
    if not value:
        raise MissingIfMatch('send If-Match: "<revision>", the ETag of the state you decided on')
    match = re.fullmatch(r'(?:W/)?"([\x21\x23-\x7e]*)"', value)
    if match is None:
        raise BadEtag(
            f'{value[:40]!r} is no ETag; ours look like "7"',
            errors=[FieldError("header If-Match", 'a revision in double quotes: "7"')],
        )
    return int(match[1]) if re.fullmatch(r"[0-9]{1,9}", match[1]) else 0
