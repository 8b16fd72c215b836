"""One answer in two formats. XML is written, never read: there is no parser here that could be led astray.

What is told is a mapping (members become elements), a list (its children are named after it), text, number, truth or
nothing; in JSON the root disappears and a list is an array, however many items it has.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

import orjson
from fastapi import Response

Format: TypeAlias = Literal["xml", "json"]

TYPES: Final[Mapping[str, str]] = {"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"}
_HEAD: Final = '<?xml version="1.0" encoding="utf-8"?>\n'
# List → the name of each of its children.
_CHILD: Final = {
    "services": "service",
    "service_requests": "request",
    "service_request_updates": "request_update",
    "errors": "error",
    "attributes": "attribute",
    "values": "value",
    "notes": "note",
    "endpoints": "endpoint",
    "formats": "format",
}
# What XML 1.0 cannot hold in any form (production [2], Char).
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def answer(
    root: str, content: Mapping[str, Any] | list[Any], form: Format, status: int = 200, headers: Mapping[str, str] = {}
) -> Response:
    """The response that tells `content` under `root`."""
    return Response(rendered(root, content, form), status, dict(headers), media_type=TYPES[form])


def rendered(root: str, content: Mapping[str, Any] | list[Any], form: Format) -> bytes:
    if form == "json":
        return orjson.dumps(content)
    return "".join((_HEAD, *_element(root, content), "\n")).encode()


def _element(name: str, value: Any) -> Iterable[str]:
    if value is None or value == "":
        yield f"<{name}/>"
        return
    yield f"<{name}>"
    if isinstance(value, Mapping):
        for inner, content in value.items():
            yield from _element(inner, content)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _element(_CHILD.get(name, "item"), each)
    else:
        yield _text(value)
    yield f"</{name}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A bare carriage return would be read back as a line feed.
    return _UNWRITABLE.sub("\ufffd", text).replace("\r", "&#13;")
