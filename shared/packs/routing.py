"""Routing rules 派遣规则 as they are written in `rules.yaml`: which unit answers for which cases. The first match wins.

The shape alone is checked here; `routing_references` checks what a rule names, `routing_reach` whether it can match.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from shared.packs.model import Area, CategoryPattern, Code, Limit, Model, RuleName, Text
from shared.packs.problems import Problem, problems_of
from shared.packs.tables import parse_yaml

OF_CATEGORY = "category"
"""Instead of a department's code: that of the case's category."""

FILE = "rules.yaml"
MINUTES_OF_DAY = 24 * 60


def _listed(value: Any) -> Any:
    """One value stands for a list of it. A tuple: what a validator gives on is not JSON, where a list would do."""
    return tuple(value) if isinstance(value, list) else (value,)


def _minute(value: Any) -> Any:
    """Minutes since midnight. YAML reads 22:00 without quotes as a number to base 60, which is 22 * 60 minutes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    hours, colon, minutes = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon or len(hours) != 2 or len(minutes) != 2 or not (hours + minutes).isdecimal() or int(minutes) > 59:
        raise ValueError('a time of day is written "HH:MM", from 00:00 to 24:00')
    return int(hours) * 60 + int(minutes)


def _calendar(value: Any) -> Any:
    """YAML reads `off` without quotes as false."""
    return "off" if value is False else value


Minute = Annotated[int, Field(ge=0, le=MINUTES_OF_DAY), BeforeValidator(_minute)]
Value = bool | int | float | str


class Wish(Model):
    """What an attribute of the report must be: one of some values, or a number from `min` to `max`, both included."""

    among: Annotated[tuple[Value, ...] | None, Field(alias="in", min_length=1)] = None
    min: float | None = None
    max: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_value(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return {"in": _listed(given)}
        return {**given, "in": _listed(given["in"])} if "in" in given else given

    @model_validator(mode="after")
    def _something_is_wished(self) -> Self:
        ranged = self.min is not None or self.max is not None
        if (self.among is not None) == ranged:
            raise ValueError("say a value, {in: [values]}, or {min: number, max: number} with one or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"nothing lies between min {self.min:g} and max {self.max:g}")
        return self


class TimeWindow(Model):
    """A part of the week in the city's own time: when the case is decided on. `weekdays` are ISO numbers (1: Monday).

    `from` later than `until` runs past midnight and belongs to the day it begins on. `calendar` `working` is inside
    the working slots of working days, `off` is outside of them.
    """

    weekdays: Annotated[frozenset[Annotated[int, Field(ge=1, le=7)]] | None, Field(min_length=1)] = None
    begins: Annotated[Minute | None, Field(alias="from")] = None
    ends: Annotated[Minute | None, Field(alias="until")] = None
    calendar: Annotated[Literal["working", "off"] | None, BeforeValidator(_calendar)] = None

    @property
    def minutes(self) -> tuple[int, int]:
        """When it begins and ends, in minutes since midnight."""
        return self.begins or 0, MINUTES_OF_DAY if self.ends is None else self.ends

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("says nothing: give weekdays, from, until or calendar, or leave time out")
        begins, ends = self.minutes
        if begins == ends:
            raise ValueError("the window is empty: it ends when it begins; for the whole day leave from and until out")
        if begins == MINUTES_OF_DAY or ends == 0:
            raise ValueError("a window begins before 24:00 and ends after 00:00")
        return self


class When(Model):
    """What a case must be for the rule to match; what is left out does not matter, lists mean any of them."""

    category: Annotated[tuple[CategoryPattern, ...], BeforeValidator(_listed), Field(min_length=1)] | None = None
    condition: Annotated[tuple[Code, ...], BeforeValidator(_listed), Field(min_length=1)] | None = None
    area: Annotated[tuple[Area, ...], BeforeValidator(_listed), Field(min_length=1)] | None = None
    attributes: Annotated[dict[str, Wish], Field(min_length=1)] | None = None
    source: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
            BeforeValidator(_listed),
            Field(min_length=1),
        ]
        | None
    ) = None
    time: TimeWindow | None = None


class Target(Model):
    """A handling unit by its code, or the one of a department whose area is the smallest that covers the case."""

    code: Code | None = None
    dept: Code | None = None
    nearest: Literal[True] | None = None

    @model_validator(mode="before")
    @classmethod
    def _code(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and {"dept", "nearest"} <= given.keys():
            return given
        if isinstance(given, str):
            return {"code": given}
        raise ValueError("say a unit's code in quotes, or {dept: a department or category, nearest: true}")


class Then(Model):
    """Who answers. `condition` is what the system files under, `limit` how long it may take instead of the catalogue's.

    `auto` is how far the system acts itself, whatever the pack says: not at all (false), or up to an act (true: all).
    """

    unit: Target
    assisting: Annotated[tuple[Target, ...], Field(max_length=20)] = ()
    condition: Code | None = None
    limit: Limit | None = None
    auto: bool | Literal["accept", "file", "dispatch"] | None = None


class RoutingRule(Model):
    """One rule. `title` says in words what it is for."""

    name: RuleName
    title: Text | None = None
    when: When = When()
    then: Then


class _File(Model):
    rules: Annotated[tuple[RoutingRule, ...], Field(min_length=1, max_length=1000)]


def parse_rules(content: bytes, file: str, problems: list[Problem]) -> tuple[RoutingRule, ...]:
    """The rules in a YAML text; none, and what is wrong is noted as of `file`, when it is not what it should be."""
    parts = parse_yaml(content, file, problems)
    if not parts:
        return ()
    try:
        return _File.model_validate_json(orjson.dumps(parts, option=orjson.OPT_NON_STR_KEYS)).rules
    except ValidationError as error:
        problems.extend(_named(problem, parts) for problem in problems_of(error, file))
    except orjson.JSONEncodeError as error:
        problems.append(Problem(file, "/", str(error)))
    return ()


def _named(problem: Problem, parts: dict[str, Any]) -> Problem:
    """The problem with the name of its rule, where that has one."""
    _, _, rest = problem.where.partition("/rules/")
    number = rest.partition("/")[0]
    try:
        name = parts["rules"][int(number)]["name"]
    except (ValueError, LookupError, TypeError):
        return problem
    return problem._replace(message=f"rule {name!r}: {_plain(problem.message)}")


def _plain(message: str) -> str:
    # What YAML makes of a code without quotes.
    return f'{message}; write codes in quotes: "01003"' if message == "input should be a valid string" else message
