"""Whether routing rules can be evaluated: all they name must exist, and each must be able to match.

A rule that would silently never match, or would have no answer when it does, is refused before it is believed.
"""

from collections.abc import Collection, Iterator
from typing import Any

from shared.kernel.area import AreaPath
from shared.packs.model import Cells, Pack
from shared.packs.problems import Problem
from shared.packs.references import covered_by
from shared.packs.routing import OF_CATEGORY, RoutingRule, Target, TimeWindow, Wish, parse_rules
from shared.packs.routing_reach import covers

# field, message
Finding = tuple[str, str]


def check_rules(
    content: bytes, file: str, pack: Pack, problems: list[Problem], units: Collection[str] | None = None
) -> tuple[RoutingRule, ...]:
    """The rules in a YAML text, each checked against `pack`; what is wrong is noted as of `file`, rule and field.

    `units` are the codes of the units that there are, where they are not the pack's own.
    """
    rules = parse_rules(content, file, problems)
    known = pack.units.keys() if units is None else units
    reached = [categories_of(rule, pack) for rule in rules]
    for number, rule in enumerate(rules):
        for field, message in _findings(rules, number, reached, pack, known):
            problems.append(Problem(file, f"/rules/{number}{field}", f"rule {rule.name!r}: {message}"))
    return rules


def categories_of(rule: RoutingRule, pack: Pack) -> frozenset[str]:
    """The categories of the pack that the rule is for."""
    if rule.when.category is None:
        return frozenset(pack.categories)
    return frozenset().union(*(covered_by(pattern, pack.categories) for pattern in rule.when.category))


def _findings(
    rules: tuple[RoutingRule, ...], number: int, reached: list[frozenset[str]], pack: Pack, units: Collection[str]
) -> Iterator[Finding]:
    rule, own = rules[number], reached[number]
    earlier = next((n for n in range(number) if rules[n].name == rule.name), None)
    if earlier is not None:
        yield "/name", f"rule {earlier + 1} of the file has this name already"
    for pattern in rule.when.category or ():
        if not covered_by(pattern, pack.categories):
            yield "/when/category", f"no category of pack {pack.name} is {pattern!r}"
    if not own:
        return
    yield from _conditions(rule, own, pack)
    yield from _areas(rule, pack)
    for name, wish in (rule.when.attributes or {}).items():
        if problem := _attribute(name, wish, own, pack):
            yield f"/when/attributes/{name}", problem
    if rule.when.time and _never(rule.when.time, pack):
        yield "/when/time", "no working slot of the calendar lies in this window, and calendar: working asks for one"
    yield from _targets(rule, pack, units)
    for n in range(number):
        if reached[n] and covers(rules[n], reached[n], rule, own):
            yield "/when", f"can never match: every case it is for is one of rule {rules[n].name!r} above it"
            return


def _conditions(rule: RoutingRule, own: frozenset[str], pack: Pack) -> Iterator[Finding]:
    for key in rule.when.condition or ():
        if not any(pack.categories[code].condition(key) for code in own):
            yield "/when/condition", f"{key!r} is a filing condition of no category that the rule is for"
    chosen = rule.then.condition
    if chosen is None:
        return
    if rule.when.condition is not None:
        yield "/then/condition", "a rule for cases of some condition cannot choose one: leave one of the two out"
    if without := sorted(code for code in own if not pack.categories[code].condition(chosen)):
        known = ", ".join(condition.key for condition in pack.categories[without[0]].conditions)
        more = f" (and of {len(without) - 1} more categories)" if len(without) > 1 else ""
        yield "/then/condition", f"{chosen!r} is no filing condition of category {without[0]}{more}; it has {known}"


def _areas(rule: RoutingRule, pack: Pack) -> Iterator[Finding]:
    whole, deepest = AreaPath(pack.area), len(pack.levels)
    tops = {segment for segment, _ in pack.geography.top.values()} if isinstance(pack.geography, Cells) else None
    for area in map(AreaPath, rule.when.area or ()):
        if not whole.covers(area) or (tops is not None and area and area.segments[0] not in tops):
            inside = pack.area or ", ".join(sorted(tops or ()))
            yield "/when/area", f"{str(area)!r} lies outside of pack {pack.name}: its areas begin with {inside}"
        elif area.level > deepest:
            yield "/when/area", f"{str(area)!r} has {area.level} levels; pack {pack.name} has {deepest}"


def _attribute(name: str, wish: Wish, own: frozenset[str], pack: Pack) -> str | None:
    stated = pack.attributes.get(name)
    if stated is None:
        known = ", ".join(pack.attributes) or "none"
        return f"pack.yaml states no attribute {name!r}; it states {known}"
    if not any(map(stated.is_of, own)):
        return (
            f"{name!r} is an attribute of no category that the rule is for; it is one of {', '.join(stated.categories)}"
        )
    if stated.type in ("datetime", "choices"):
        return f"{name!r} is {stated.type}: a rule can look at text, a number, a boolean or a choice"
    if wish.among is None:
        return None if stated.type == "number" else f"{name!r} is {stated.type}: min and max are for numbers"
    kind = "text" if stated.type == "choice" else stated.type
    wrong = [value for value in wish.among if type_of(value) != kind]
    if not wrong and stated.values:
        wrong = [value for value in wish.among if value not in stated.values]
    return f"{name!r} is {stated.type}, which {wrong[0]!r} is not" if wrong else None


def type_of(value: Any) -> str | None:
    """What `type` in pack.yaml calls a value; None for what is none of them."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def _never(time: TimeWindow, pack: Pack) -> bool:
    if time.calendar != "working":
        return False
    begins, ends = time.minutes
    windows = [(begins, ends)] if begins < ends else [(begins, 24 * 60), (0, ends)]
    slots = [(s.start.hour * 60 + s.start.minute, s.end.hour * 60 + s.end.minute) for s in pack.calendar.slots]
    return not any(start < until and since < end for start, end in slots for since, until in windows)


def _targets(rule: RoutingRule, pack: Pack, units: Collection[str]) -> Iterator[Finding]:
    named = [("/then/unit", rule.then.unit)]
    named += [(f"/then/assisting/{n}", target) for n, target in enumerate(rule.then.assisting)]
    for n, (field, target) in enumerate(named):
        if problem := _target(target, pack, units):
            yield field, problem
        elif target in [other for _, other in named[:n]]:
            yield field, "is named already: each unit has one part in a case"


def _target(target: Target, pack: Pack, units: Collection[str]) -> str | None:
    if target.code is not None:
        return None if target.code in units else f"there is no handling unit {target.code!r}"
    if target.dept == OF_CATEGORY:
        return None
    if target.dept not in pack.departments:
        return f"there is no department {target.dept!r} in pack.yaml"
    staffed = any(unit.dept == target.dept for unit in pack.units.values())
    return None if staffed else f"department {target.dept!r} has no unit in units.csv"
