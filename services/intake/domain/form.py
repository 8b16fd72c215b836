"""The form of a category 表单: which attributes its reports have, of what kind, and what they may be."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, Final, NamedTuple

from shared.kernel.errors import FieldError, Invalid

LONGEST_TEXT: Final = 2_000
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


class UnfitAttributes(Invalid):
    slug, title, title_zh = "unfit-attributes", "Attributes are not what the category asks", "属性不符合类别要求"


class Field(NamedTuple):
    """One attribute. `kind` is text, number, boolean, datetime, choice or choices; `values` are the keys that a choice
    may be, `least` and `most` the bounds of a number, both included. `zh` and `en` are what the form calls it.
    """

    name: str
    zh: str
    en: str
    kind: str
    required: bool = False
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


def check_form(form: Sequence[Field], attributes: Mapping[str, Any]) -> None:
    """Raise UnfitAttributes with a pointer to every attribute that is wrong or missing.

    Null is the same as left out. An attribute that the form does not ask is kept as it was sent.
    """
    errors = []
    for field in form:
        wrong = _wrong(field, attributes.get(field.name))
        if wrong is not None:
            errors.append(FieldError(f"/attributes/{field.name}", f"{field.zh} {field.en}: {wrong}"))
    if errors:
        more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
        raise UnfitAttributes("; ".join(f"{e.pointer}: {e.message}" for e in errors[:3]) + more, errors=errors)


def _wrong(field: Field, value: Any) -> str | None:
    """What is wrong with a value; None if nothing is."""
    if value is None:
        return f"required: {_wanted(field)}" if field.required else None
    return None if _FITS[field.kind](field, value) else f"must be {_wanted(field)}"


def _text(field: Field, value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT


def _number(field: Field, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return False
    return (field.least is None or value >= field.least) and (field.most is None or value <= field.most)


def _boolean(field: Field, value: Any) -> bool:
    return isinstance(value, bool)


def _datetime(field: Field, value: Any) -> bool:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:  # a thirtieth of February
        return False
    return True


def _choice(field: Field, value: Any) -> bool:
    return isinstance(value, str) and value in field.values


def _choices(field: Field, value: Any) -> bool:
    if not isinstance(value, list) or not 0 < len(value) <= len(field.values):
        return False
    return all(_choice(field, each) for each in value) and len(set(value)) == len(value)


_FITS: Final = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "datetime": _datetime,
    "choice": _choice,
    "choices": _choices,
}


def _wanted(field: Field) -> str:
    """What would be right, in words."""
    if field.kind == "number":
        bounds = [f"at least {field.least:g}"] if field.least is not None else []
        bounds += [f"at most {field.most:g}"] if field.most is not None else []
        return " of ".join(["a number", " and ".join(bounds)]) if bounds else "a number"
    values = ", ".join(field.values)
    return {
        "text": f"a text of 1 to {LONGEST_TEXT:,} characters",
        "boolean": "true or false",
        "datetime": "a time by RFC 3339 with offset, such as 2026-11-23T08:00:00+08:00",
        "choice": f"one of {values}",
        "choices": f"a list of one or more of {values}, each once",
    }[field.kind]
