"""A row of a file of components → a component, or everything that is wrong with it. Its grid comes later, with those
of the whole batch.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import orjson

from services.intake.components.columns import OWN
from services.intake.domain.component import LONGEST, LONGEST_VALUE, MOST_ATTRIBUTES, NOBODY, STATE_ZH, Component, State
from services.intake.domain.component_code import Codes, WrongDigits
from shared.kernel.place import Datum, Place, to_wgs84

_STATES = {state.value: state.value for state in State} | {zh: state.value for state, zh in STATE_ZH.items()}
_DATUMS = {datum.value: datum for datum in Datum}
_UNITS = ("authority", "owner", "maintainer")


class Wrong(NamedTuple):
    """One thing that is wrong with a row: the column, why, and what would be right."""

    field: str
    why: str
    right: str


class RowReader:
    """Reads rows. `names` are those of the kinds, for components without a name of their own."""

    def __init__(self, codes: Codes, names: Mapping[str, str], header: Sequence[str]) -> None:
        self._codes = codes
        self._names = names
        self._plain = [name for name in ("authority_name", "owner_name", "maintainer_name", "data_source", "note")]
        self._own = [(name, name[len(OWN) :]) for name in header if name.startswith(OWN)]

    def read(self, values: Mapping[str, str]) -> tuple[Component, str | None] | list[Wrong]:
        """The component, without a grid, and the grid that the row names; or what is wrong."""
        wrong: list[Wrong] = []
        get = values.get
        code, kind = self._code(get("code", ""), "code", wrong)
        place = _place(get, wrong)
        state = _STATES.get(get("state") or "intact")
        if state is None:
            right = ", ".join(f"{word} {zh}" for word, zh in STATE_ZH.items())
            wrong.append(Wrong("state", f"{get('state', '')[:40]!r} is not known", f"one of {right}"))
        texts = {name: _text(name, get, wrong) for name in self._plain}
        units = {name: _unit(name, get, texts[f"{name}_name"], wrong) for name in _UNITS}
        surveyed_on, changed_on = _day("surveyed_on", get, wrong), _day("changed_on", get, wrong)
        if surveyed_on and changed_on and changed_on < surveyed_on:
            wrong.append(Wrong("changed_on", f"{changed_on} is before surveyed_on", "the same day or later"))
        other = {
            name: self._code(text, name, wrong)[0] if (text := get(name)) else None
            for name in ("former_code", "successor")
        }
        for name, number in other.items():
            if number is not None and number == code:
                wrong.append(Wrong(name, "is the component's own code", "another component's, or nothing"))
        name = _text("name", get, wrong) or self._names.get(kind, kind)
        attributes = self._attributes(get, wrong)
        if wrong or place is None or state is None:
            return wrong
        component = Component(
            code,
            kind,
            "",
            place.lon,
            place.lat,
            state,
            name,
            units["authority"],
            texts["authority_name"],
            units["owner"],
            texts["owner_name"] if units["owner"] else None,
            units["maintainer"],
            texts["maintainer_name"],
            surveyed_on,
            changed_on,
            texts["data_source"],
            texts["note"],
            other["former_code"],
            other["successor"],
            attributes,
        )
        return component, get("area")

    def _code(self, text: str, field: str, wrong: list[Wrong]) -> tuple[int, str]:
        found = self._codes.read(text)
        if isinstance(found, list):
            wrong += [_digits(field, each) for each in found]
            return 0, ""
        return found

    def _attributes(self, get: "_Get", wrong: list[Wrong]) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        if text := get("attributes"):
            try:
                given = orjson.loads(text)
            except orjson.JSONDecodeError:
                given = None
            if not isinstance(given, dict):
                wrong.append(Wrong("attributes", f"{text[:40]!r} is no JSON object", '{"material": "铸铁"}'))
                return None
            found |= given
        for column, name in self._own:
            if (value := get(column)) is not None:
                found[name] = value
        if found and (trouble := wrong_attributes(found)):
            wrong.append(Wrong("attributes", *trouble))
        return found or None


_Get = Callable[..., Any]


def wrong_attributes(given: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why `given` cannot be a component's own attributes, and what would be right."""
    if len(given) > MOST_ATTRIBUTES:
        return f"{len(given)} of them", f"{MOST_ATTRIBUTES} at the most"
    for name, value in given.items():
        if not name or len(name) > 64 or "\x00" in name:
            return f"{name[:40]!r} is no name", "1 to 64 characters"
        if isinstance(value, str):
            if len(value) > LONGEST_VALUE or "\x00" in value:
                return f"{name} is too long, or has a NUL", f"{LONGEST_VALUE} characters at the most"
        elif not isinstance(value, bool | int | float):
            return f"{name} is neither a text, a number nor true or false", "one of them"
        elif not abs(value) < 2**63:
            return f"{name} is no number that can be kept", "a number below 2⁶³"
    return None


def nobody(text: str | None) -> bool:
    """Whether a text in place of an owner's says that there is none known."""
    return text is None or text.strip().lower() in NOBODY


def _digits(field: str, each: WrongDigits) -> Wrong:
    return Wrong(field, f"digits {each.first} to {each.last} {each.why}", each.right)


def _place(get: _Get, wrong: list[Wrong]) -> Place | None:
    lon, lat, datum = get("lon", ""), get("lat", ""), get("datum") or "wgs84"
    known = _DATUMS.get(datum.lower())
    if known is None:
        wrong.append(Wrong("datum", f"{datum[:40]!r} is not known", f"one of {', '.join(_DATUMS)}"))
        return None
    try:
        x, y = float(lon), float(lat)
        if not (-180 <= x <= 180 and -90 <= y <= 90):
            raise ValueError
    except ValueError:
        wrong.append(Wrong("lon", f"{lon[:40]}, {lat[:40]} is no point", "degrees: lon -180 to 180, lat -90 to 90"))
        return None
    return to_wgs84(x, y, known)


def _text(name: str, get: _Get, wrong: list[Wrong]) -> str | None:
    value: str | None = get(name)
    if value is not None and (len(value) > LONGEST[name] or "\x00" in value):
        wrong.append(Wrong(name, "is too long, or has a NUL", f"{LONGEST[name]} characters at the most"))
    return value


def _unit(name: str, get: _Get, called: str | None, wrong: list[Wrong]) -> str | None:
    """The unit's code, or its name where it has none; None for a word that means nobody."""
    code = _text(name, get, wrong)
    if not nobody(code):
        return code
    return None if nobody(called) else called


def _day(name: str, get: _Get, wrong: list[Wrong]) -> date | None:
    value = get(name)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        wrong.append(Wrong(name, f"{value[:40]!r} is no day", "2024-03-01, or 20240301"))
        return None
