"""What schemathesis cannot know of us; schemathesis.toml names this file."""

import itertools
import json
from typing import Any, Final
from uuid import UUID

import schemathesis

# Refused for its form alone, which is what a schema is there to say. Every other refusal of ours names a rule of the
# city (a category not in its catalogue, a grid that is nowhere, a cursor of another list), which no schema can.
FORM: Final = ("/problems/invalid", "/problems/malformed", "/problems/bad-area-path", "/problems/bad-if-match")
_COUNTED: Final = itertools.count(1)


class SaidNowhere(AssertionError):
    """Data that the schema allows were refused for their form."""


@schemathesis.check
def form_is_in_the_schema(ctx: Any, response: Any, case: Any) -> None:
    """What schema-valid data are refused for is a rule of the city, never their form: that is for the schema to say."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 422):
        return
    try:
        problem = response.json()
        kind, errors = problem["type"], problem["errors"]
    except (ValueError, TypeError, KeyError):
        return
    # JSON Schema counts 782.0 among the integers; bodies read strictly take those alone that are written as one.
    if kind in FORM and not (errors and all(e["message"] == "Input should be a valid integer" for e in errors)):
        raise SaidNowhere(f"{case.operation.label}: {kind}, and the schema does not say so: {response.text[:600]}")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A fresh Idempotency-Key each time: a small generated one comes again with another body, and is refused."""
    if case.meta is not None and case.meta.generation.mode.is_positive and "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = str(UUID(int=next(_COUNTED)))


@schemathesis.serializer("application/offset+octet-stream")
def part(context: Any, value: Any) -> bytes:
    """A part of a file, as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: Any, value: Any) -> bytes:
    """A text as it is; anything else as one line of JSON."""
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode() + b"\n"
