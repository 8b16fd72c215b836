"""`attribute[CODE]=v` and `attribute[CODE][]=a`: the answers to a service's form, as the types that it asks."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.intake.api.open311.asking import number
from shared.kernel.errors import FieldError
from shared.packs.model import Attribute

_NAME: Final = re.compile(r"attribute\[([^\[\]]{1,64})\](?:\[\d{0,4}\])?")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_TRUTH: Final = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


def attributes_of(
    fields: Mapping[str, Sequence[str]], form: Sequence[tuple[str, Attribute]]
) -> tuple[dict[str, Any], list[FieldError]]:
    """The attributes that were sent, typed, and what is wrong with them. None is lost: an unknown one is refused."""
    sent: dict[str, list[str]] = {}
    errors = []
    for name, values in fields.items():
        if not name.startswith("attribute"):
            continue
        found = _NAME.fullmatch(name)
        if found is None:
            errors.append(FieldError(f"/{name}", "is no attribute; write attribute[CODE] or attribute[CODE][]"))
        else:
            sent.setdefault(found[1], []).extend(values)
    known = dict(form)
    errors += [
        FieldError(f"/attributes/{code}", f"is not asked by this service; it asks {', '.join(known) or 'none'}")
        for code in sent
        if code not in known
    ]
    typed: dict[str, Any] = {}
    for code, attribute in form:
        values = sent.get(code, [])
        if not values:
            if attribute.required:
                errors.append(FieldError(f"/attributes/{code}", f"is required: {attribute.zh} {attribute.en}"))
        elif len(values) > 1 and attribute.type != "choices":
            errors.append(FieldError(f"/attributes/{code}", "given more than once, and it takes one value"))
        else:
            value = _typed(attribute, values)
            if value is None:
                errors.append(FieldError(f"/attributes/{code}", f"must be {_right(attribute)}"))
            typed[code] = value
    return typed, errors


def _typed(attribute: Attribute, values: Sequence[str]) -> Any:
    text = values[0].strip()
    match attribute.type:
        case "number":
            value = number(text)
            if value is None or (attribute.min is not None and value < attribute.min):
                return None
            if attribute.max is not None and value > attribute.max:
                return None
            return int(value) if value.is_integer() and abs(value) < 2**53 else value
        case "boolean":
            return _TRUTH.get(text.lower())
        case "datetime":
            return text if _is_moment(text) else None
        case "choice":
            return text if text in attribute.values else None
        case "choices":
            chosen = list(dict.fromkeys(value.strip() for value in values))
            return chosen if all(value in attribute.values for value in chosen) else None
        case _:
            return values[0] if len(values[0]) <= 2_000 else None


def _is_moment(text: str) -> bool:
    try:
        return _MOMENT.fullmatch(text) is not None and datetime.fromisoformat(text.upper()) is not None
    except ValueError:
        return False


def _right(attribute: Attribute) -> str:
    match attribute.type:
        case "number":
            least = "" if attribute.min is None else f" from {attribute.min:g}"
            most = "" if attribute.max is None else f" up to {attribute.max:g}"
            return f"a number{least}{most}"
        case "boolean":
            return "true or false"
        case "datetime":
            return "a time with its zone, such as 2026-11-27T08:00:00+08:00"
        case "choice" | "choices":
            some = "one of" if attribute.type == "choice" else "some of"
            return f"{some} {', '.join(attribute.values)}"
        case _:
            return "text of 2,000 characters at the most"
