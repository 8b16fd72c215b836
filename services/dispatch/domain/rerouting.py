"""What changed routing rules would move: past cases decided anew, beside what was decided or what other rules say."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.dispatch.domain.matching import Fault, Matter
from services.dispatch.domain.routing import Decision, Reason, Routing

SAMPLES = 5


class Said(NamedTuple):
    """Who answers for a case by one of two sides: its unit and those that assist it; the rule, where there is one."""

    unit: str | None
    assisting: tuple[str, ...]
    rule: str | None = None


class Moved(NamedTuple):
    """A case of which the two sides say different things. `change` is `unit`, or `terms` when the unit is the same and
    assisting units, the limit or automatic acts differ.
    """

    change: str
    before: Said
    after: Said


@dataclass
class Tally:
    """What trying a set of rules has found so far. Samples are numbers of cases, a few for each kind of finding."""

    cases: int = 0
    same: int = 0
    undecided: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    moves: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    terms: Counter[str] = field(default_factory=Counter)
    nobody: Counter[Reason] = field(default_factory=Counter)
    faults: Counter[tuple[str, Fault]] = field(default_factory=Counter)
    samples: defaultdict[object, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def moved(self) -> int:
        return self.moves.total() + self.terms.total()

    def _sample(self, key: object, number: str) -> None:
        if len(self.samples[key]) < SAMPLES:
            self.samples[key].append(number)

    def count(self, number: str, said: Decision, beside: Decision | Said) -> Moved | None:
        """Add one case: what the tried rules say, `beside` what was decided or what other rules say.

        A case that nobody was dispatched to yet, and that no other rules are tried against, moves nowhere.
        """
        self.cases += 1
        self.matched[said.rule or ""] += 1
        if said.reason is not None:
            self.nobody[said.reason] += 1
            self._sample(said.reason, number)
        before = Said(beside.unit, beside.assisting, beside.rule)
        after = Said(said.unit, said.assisting, said.rule)
        if beside.unit is None and isinstance(beside, Said):
            self.undecided += 1
            return None
        if before.unit != after.unit:
            self.moves[before.unit, after.unit] += 1
            self._sample((before.unit, after.unit), number)
            return Moved("unit", before, after)
        if isinstance(beside, Decision) and _terms(beside) != _terms(said):
            self.terms[said.rule or ""] += 1
            self._sample(("terms", said.rule or ""), number)
            return Moved("terms", before, after)
        self.same += 1
        return None

    def look_for_faults(self, routing: Routing, matter: Matter, at: datetime, rule: str | None) -> None:
        """Count the rules above the one that matched which an attribute alone kept out: because it is missing, or not
        of the kind that the rule asks for.
        """
        condition = routing.condition_of(matter)
        for each in routing.rules:
            if each.name == rule:
                return
            if each.matcher.attributes:
                for fault in each.matcher.faults(matter, condition, at, routing.city.calendar):
                    self.faults[each.name, fault] += 1

    def never_matched(self, routing: Routing) -> list[str]:
        """The rules that no case came to."""
        return [rule.name for rule in routing.rules if rule.name not in self.matched]


def _terms(said: Decision) -> tuple[object, ...]:
    return said.assisting, said.condition, said.limit, said.automatic


def asks_attributes(routing: Routing) -> bool:
    """Whether any rule looks at attributes: only then is it worth looking for faults."""
    return any(rule.matcher.attributes for rule in routing.rules)
