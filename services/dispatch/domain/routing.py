"""Routing rules 派遣规则: in order, the first that is for a case decides who answers for it, within what time, and
how far the system acts by itself.

Rules are compiled: by category, then by the smallest area that any of them names round the case; what is found there is
every rule that can still match, in order, up to the first that asks nothing more. Of 4, 104 and 404 rules a decision
takes 3, 5 and 7 µs, where finding the rule one by one takes 4, 91 and 350; looking up the department's unit alone takes
2.7 (processor time, best of 25 interleaved runs on a busy machine, 2,000 cases of the demo district).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from services.dispatch.domain.case import Act
from services.dispatch.domain.matching import Matcher, Matter
from services.dispatch.domain.worktime import Calendar, Limit
from shared.kernel.area import AreaPath


class Reason(StrEnum):
    """Why the rules leave a case to a person."""

    NO_RULE = "no-rule"
    UNIT_GONE = "rule-unit-gone"
    NO_UNIT_HERE = "rule-no-unit-here"
    NO_CONDITION = "rule-no-condition"


EVERYTHING = Matcher()


class Target(NamedTuple):
    """A unit by its code, or else the nearest one of a department; of the category's own without either."""

    unit: str | None = None
    dept: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`condition` is what the system files under instead of the category's first condition; `limit` takes the place of
    the catalogue's; `automatic` are the system's own acts, in order (None: what the pack says).
    """

    name: str
    lead: Target
    matcher: Matcher = EVERYTHING
    assisting: tuple[Target, ...] = ()
    condition: str | None = None
    limit: Limit | None = None
    automatic: tuple[Act, ...] | None = None


class Decision(NamedTuple):
    """What the rules of some version say of a case.

    Without a `unit` a person decides, and `reason` says why; `rule` is then the one that matched, if one did.
    `condition` is the case's own, or the one to be filed under. `limit` is None where the catalogue's holds.
    """

    rule: str | None
    version: int
    unit: str | None
    assisting: tuple[str, ...]
    condition: str | None
    limit: Limit | None
    automatic: tuple[Act, ...]
    reason: Reason | None = None


class Known(NamedTuple):
    """A category: the department that answers for it, and its filing conditions; the first is the default."""

    dept: str
    conditions: tuple[str, ...]


class City(NamedTuple):
    """What rules are measured against. `nearest` gives the unit of a department whose area is the smallest round an
    area; `automatic` are the acts that the pack leaves to the system.
    """

    calendar: Calendar
    categories: Mapping[str, Known]
    nearest: Callable[[str, str], str | None]
    automatic: tuple[Act, ...]


class _Entry(NamedTuple):
    """A rule that can match: what is cheap to look at (None: asked for nothing), and whether anything dear is left.
    `attribute` is the name of one that the report must have.
    """

    rule: Rule
    conditions: frozenset[str] | None
    sources: frozenset[str] | None
    attribute: str | None
    details: bool

    @property
    def certain(self) -> bool:
        return not (self.conditions or self.sources or self.details)


_Row: TypeAlias = tuple[_Entry, ...]


class _Shelf(NamedTuple):
    """The rules for a category: in the areas that any of them names, and everywhere else."""

    by_area: Mapping[str, _Row]
    everywhere: _Row


def first_match(rules: Sequence[Rule], matter: Matter, condition: str | None, at: datetime, calendar: Calendar) -> int:
    """The place of the first rule that is for the case; their number if none is. The compiled search must equal it."""
    for number, rule in enumerate(rules):
        if rule.matcher.holds(matter, condition, at, calendar):
            return number
    return len(rules)


class Routing:
    """One version of the rules, compiled for one city. Deciding is pure and takes the units that there are now."""

    def __init__(self, rules: Sequence[Rule], version: int, city: City) -> None:
        self.rules = tuple(rules)
        self.version = version
        self.city = city
        self._entries = [_entry(rule) for rule in self.rules]
        # Made when a category is first asked for: of four hundred rules a shelf takes a millisecond, and all of them a
        # quarter of a second in which nothing else would be done.
        self._shelves: dict[str, _Shelf] = {}
        self._of_rules: dict[tuple[int, ...], _Shelf] = {}  # many categories have the same rules

    def condition_of(self, matter: Matter) -> str | None:
        """The condition that rules look at: the case's own, or before it is filed the first of its category."""
        known = self.city.categories.get(matter.category)
        return matter.condition or (known.conditions[0] if known else None)

    def decide(self, matter: Matter, at: datetime, units: Collection[str]) -> Decision:
        """What the rules say of a case at `at`. `units` are the codes of the units that there are."""
        known = self.city.categories.get(matter.category)
        condition = matter.condition or (known.conditions[0] if known else None)
        rule = self.match(matter, condition, at)
        if rule is None:
            return self._left(None, condition, Reason.NO_RULE)
        # Of a case that is filed already the condition stands, whatever the catalogue says today.
        if matter.condition is None:
            if rule.condition is not None and known is not None:
                condition = rule.condition if rule.condition in known.conditions else None
            if condition is None:
                return self._left(rule, None, Reason.NO_CONDITION)
        unit = self._unit(rule.lead, known, matter.area)
        if unit is None:
            return self._left(rule, condition, Reason.NO_UNIT_HERE)
        assisting: tuple[str, ...] = ()
        if rule.assisting:
            found = dict.fromkeys(self._unit(target, known, matter.area) for target in rule.assisting)
            if None in found:
                return self._left(rule, condition, Reason.NO_UNIT_HERE)
            assisting = tuple(code for code in found if code is not None and code != unit)
        if unit not in units or not all(code in units for code in assisting):
            return self._left(rule, condition, Reason.UNIT_GONE)
        automatic = self.city.automatic if rule.automatic is None else rule.automatic
        return Decision(rule.name, self.version, unit, assisting, condition, _limit(rule, condition), automatic)

    def match(self, matter: Matter, condition: str | None, at: datetime) -> Rule | None:
        """The first rule that is for the case, found by category and area."""
        row, shelf = None, self._shelves.get(matter.category)
        if shelf is None:
            if matter.category not in self.city.categories:  # too rare to be compiled for
                number = first_match(self.rules, matter, condition, at, self.city.calendar)
                return self.rules[number] if number < len(self.rules) else None
            shelf = self._shelves[matter.category] = self._shelf(matter.category)
        if shelf.by_area:
            area: str = matter.area
            while (row := shelf.by_area.get(area)) is None and area:
                area = area.rpartition(".")[0]
        for rule, conditions, sources, attribute, details in shelf.everywhere if row is None else row:
            if conditions is not None and condition not in conditions:
                continue
            if sources is not None and matter.source not in sources:
                continue
            if attribute is not None and attribute not in matter.attributes:
                continue
            if not details or rule.matcher.of_details(matter, at, self.city.calendar):
                return rule
        return None

    def _unit(self, target: Target, known: Known | None, area: str) -> str | None:
        if target.unit is not None:
            return target.unit
        dept = target.dept or (known.dept if known else None)
        return self.city.nearest(dept, area) if dept else None

    def _left(self, rule: Rule | None, condition: str | None, reason: Reason) -> Decision:
        """To a person. What the rule says of limit and automatic acts stands; those that need a unit stop there."""
        if rule is None:
            return Decision(None, self.version, None, (), condition, None, self.city.automatic, reason)
        automatic = self.city.automatic if rule.automatic is None else rule.automatic
        return Decision(rule.name, self.version, None, (), condition, _limit(rule, condition), automatic, reason)

    def _shelf(self, code: str) -> _Shelf:
        numbers = tuple(n for n, rule in enumerate(self.rules) if rule.matcher.of_category(code))
        if numbers not in self._of_rules:
            named: dict[str, list[int]] = defaultdict(list)  # area, "" being everywhere → the rules that name it
            for n in numbers:
                for area in self.rules[n].matcher.areas or (AreaPath.root(),):
                    named[area].append(n)
            rows = {area: self._row(named, area) for area in named if area}
            self._of_rules[numbers] = _Shelf(rows, self._row(named, ""))
        return self._of_rules[numbers]

    def _row(self, named: Mapping[str, Sequence[int]], area: str) -> _Row:
        """The rules that can match in an area, in their order, up to the first that matches for certain."""
        row = []
        for n in sorted({n for each in ("", *AreaPath(area).prefixes()) for n in named.get(each, ())}):
            row.append(self._entries[n])
            if row[-1].certain:
                break
        return tuple(row)


def _entry(rule: Rule) -> _Entry:
    asked = rule.matcher
    first = asked.attributes[0].name if asked.attributes else None
    details = bool(asked.attributes or asked.window)
    return _Entry(rule, asked.conditions or None, asked.sources or None, first, details)


def _limit(rule: Rule, condition: str | None) -> Limit | None:
    """A rule that files under a condition of its own gives its limit to no other."""
    return rule.limit if rule.condition is None or rule.condition == condition else None
