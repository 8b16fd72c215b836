"""The catalogue 目录 as a report meets it: which code means which category, whether it is in effect today, and whether
the grids may be asked for it at all 准入清单.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

from services.intake.domain.form import Field
from services.intake.domain.report import UnknownCategory
from shared.kernel.errors import FieldError, Invalid

POINTER = "/category"


class NotInEffect(Invalid):
    slug, title, title_zh = "category-not-in-effect", "The category is not in effect today", "该类别当前未生效"


class NotAdmitted(Invalid):
    slug, title, title_zh = "not-admitted", "Not a matter for the grids", "不属于网格准入事项"


class Span(NamedTuple):
    """The days on which something is in effect, both included; None: no end on that side."""

    begins: date | None = None
    ends: date | None = None

    def holds(self, day: date) -> bool:
        return (self.begins is None or day >= self.begins) and (self.ends is None or day <= self.ends)


ALWAYS = Span()


class TurnTo(NamedTuple):
    """Who sees to a matter that the grids may not be asked for."""

    zh: str
    en: str
    phone: str


class Entry(NamedTuple):
    """A category. `instead` is what to report while it is not in effect; `turn_to` is set for one that is not on the
    admission list.
    """

    code: str
    zh: str
    en: str
    form: tuple[Field, ...] = ()
    effect: Span = ALWAYS
    instead: str | None = None
    turn_to: TurnTo | None = None


class Alias(NamedTuple):
    """A code of another standard, which stands for the category `code`; `effect` is the standard's."""

    code: str
    standard: str
    number: str
    effect: Span


class Catalogue(NamedTuple):
    """`entries` by their codes; `aliases` by `standard:kind:code`, the key of a code where standards stand side by
    side. `today` is the city's date at this moment.
    """

    entries: Mapping[str, Entry]
    aliases: Mapping[str, Alias]
    today: Callable[[], date]


def entry_of(catalogue: Catalogue, named: str) -> Entry:
    """The category that `named`, a code or `standard:kind:code`, may be reported as today.

    Raises UnknownCategory, NotInEffect saying what to report instead, NotAdmitted saying where to turn.
    """
    entry = catalogue.entries.get(named)
    if entry is None:
        alias = catalogue.aliases.get(named)
        entry = None if alias is None else catalogue.entries.get(alias.code)
        if entry is None or alias is None:
            raise UnknownCategory(
                f"{named!r} is not in the catalogue; GET /intake/v1/catalogue lists what may be reported",
                errors=[FieldError(POINTER, "not in the catalogue")],
            )
        if alias.effect is not ALWAYS and not alias.effect.holds(today := catalogue.today()):
            said = f"codes of {alias.standard} ({alias.number}) {_when(alias.effect, today)}"
            raise _not_in_effect(said, alias.effect, entry.code)
    if entry.effect is not ALWAYS and not entry.effect.holds(today := catalogue.today()):
        said = f"{entry.code} {entry.zh} ({entry.en}) {_when(entry.effect, today)}"
        raise _not_in_effect(said, entry.effect, entry.instead)
    if entry.turn_to is not None:
        to = entry.turn_to
        raise NotAdmitted(
            f"{entry.code} {entry.zh} ({entry.en}) is not on the list of what the grids may be asked to do 准入清单; "
            f"turn to {to.zh} ({to.en}), telephone {to.phone}",
            errors=[FieldError(POINTER, f"not on the admission list; telephone {to.phone}")],
            facts={"turn_to": {"name": {"zh": to.zh, "en": to.en}, "phone": to.phone}},
        )
    return entry


def _when(effect: Span, today: date) -> str:
    if effect.begins is not None and today < effect.begins:
        return f"is taken from {effect.begins.isoformat()} on; today is {today.isoformat()}"
    return f"was taken until {effect.ends and effect.ends.isoformat()}; today is {today.isoformat()}"


def _not_in_effect(said: str, effect: Span, instead: str | None) -> NotInEffect:
    return NotInEffect(
        said + (f"; report it as {instead}" if instead else ""),
        errors=[FieldError(POINTER, f"use {instead}" if instead else "not in effect today")],
        facts={"from": effect.begins, "until": effect.ends, "instead": instead},
    )
