"""A calendar beside a pack: years that an authority has announced since, in a file of their own."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import Field, ValidationError

from shared.kernel.errors import FieldError, Invalid
from shared.packs.model import Calendar, Code, Line, Model, Slot, Text
from shared.packs.problems import Problem, problems_of
from shared.packs.tables import read_yaml


class BadCalendar(Invalid):
    slug, title, title_zh = "bad-calendar", "Not a calendar that can be used", "日历文件无效"


class Announced(Model):
    """What a file of `wangge calendar publish` says: the years in `published` wholly, and no other days.

    `weekdays` and `slots` are given where they change, too.
    """

    version: Code
    source: Line
    published: Annotated[frozenset[int], Field(min_length=1)]
    holidays: Mapping[date, Text] = Field(default_factory=dict)
    workdays: Mapping[date, Text] = Field(default_factory=dict)
    weekdays: frozenset[Annotated[int, Field(ge=1, le=7)]] | None = None
    slots: Annotated[tuple[Slot, ...], Field(min_length=1)] | None = None


def read_announced(path: Path) -> Announced:
    """Read such a file (YAML). Raises BadCalendar with every problem found, and OSError."""
    problems: list[Problem] = []
    found = read_yaml(path.parent, path.name, problems)
    if problems:
        raise _bad(problems)
    try:
        return Announced.model_validate_json(as_json(found))
    except ValidationError as error:
        raise _bad(problems_of(error, path.name)) from None


def amended(base: Calendar, announced: Announced | Calendar) -> Calendar:
    """`base` with the years of `announced` in place of its own; a whole calendar is announced just so.

    Raises BadCalendar if the two make no calendar: a day of a year that is not announced, or one listed twice.
    """
    years = announced.published
    parts = base.model_dump(mode="json")
    for name in ("holidays", "workdays"):
        kept = {day: text for day, text in getattr(base, name).items() if day.year not in years}
        parts[name] = {str(d): text.model_dump() for d, text in {**kept, **getattr(announced, name)}.items()}
    parts |= {"version": announced.version, "source": announced.source, "published": sorted(base.published | years)}
    if announced.weekdays is not None:
        parts["weekdays"] = sorted(announced.weekdays)
    if announced.slots is not None:
        parts["slots"] = [slot.model_dump(mode="json") for slot in announced.slots]
    if strange := sorted({day.year for day in (*announced.holidays, *announced.workdays)} - years):
        raise _bad([Problem(announced.version, "/published", f"days of {strange[0]} are listed, but not that year")])
    return stated(parts)


def stated(days: Mapping[str, Any]) -> Calendar:
    """A whole calendar from JSON. Raises BadCalendar."""
    try:
        return Calendar.model_validate_json(as_json(days))
    except ValidationError as error:
        raise _bad(problems_of(error, str(days.get("version", "calendar")))) from None


def as_json(found: object) -> bytes:
    """YAML's dates as keys and values, as JSON that the strict models read."""
    try:
        return orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError as error:
        raise _bad([Problem("calendar", "/", str(error))]) from None


def _bad(problems: list[Problem]) -> BadCalendar:
    errors = [FieldError(problem.where, problem.message) for problem in problems]
    return BadCalendar("; ".join(map(str, problems)), errors=errors)
