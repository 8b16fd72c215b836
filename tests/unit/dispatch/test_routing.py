"""Routing rules: what each can ask for, what is decided, and that the compiled search finds what a linear one does."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatch.domain.acts import automatic
from services.dispatch.domain.case import Act, Case, Post, Status
from services.dispatch.domain.matching import Attribute, Fault, Kind, Matcher, Window
from services.dispatch.domain.routing import City, Known, Reason, Routing, Rule, Target, first_match
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Limit, Unit
from shared.kernel.area import AreaPath
from tests.unit.dispatch.cases import CALENDAR, RULES, START, do, opened

ZONE = ZoneInfo("Asia/Shanghai")
HERE = AreaPath("1.2.3")
UNITS = frozenset({"water", "roads", "light", "north"})


@dataclass(frozen=True)
class Asked:
    """A case as rules look at it."""

    category: str = "cover"
    area: AreaPath = HERE
    condition: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    source: str = "app"


def nearest(dept: str, area: str) -> str | None:
    """Department water has a unit for the north and one for all else; nobody but it has any."""
    if dept != "water":
        return None
    return "north" if AreaPath("1.9").covers(area) else "water"


CITY = City(
    calendar=CALENDAR,
    categories={
        "cover": Known("water", ("missing", "rattling")),
        "cover-2": Known("water", ("missing",)),
        "lamp": Known("light", ("dark",)),
    },
    nearest=nearest,
    automatic=(Act.AUTO_ACCEPT,),
)
OF_CATEGORY = Rule("department", Target())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def holds(matcher: Matcher, when: datetime = START, **fields: Any) -> bool:
    matter = Asked(**fields)
    return matcher.holds(matter, matter.condition, when, CALENDAR)


@pytest.mark.parametrize(
    ("matcher", "fields", "expected"),
    [
        (Matcher(), {}, True),
        (Matcher(categories=("cover",)), {}, True),
        (Matcher(categories=("cover",)), {"category": "cover-2"}, False),
        (Matcher(categories=("cover*",)), {"category": "cover-2"}, True),
        (Matcher(categories=("cover*",)), {}, True),
        (Matcher(categories=("lamp", "cover-*")), {}, False),
        (Matcher(categories=("lamp", "cover-*")), {"category": "lamp"}, True),
        (Matcher(areas=(AreaPath("1.2"),)), {}, True),
        (Matcher(areas=(AreaPath("1.2.3"),)), {}, True),
        (Matcher(areas=(AreaPath("1.2.3.4"),)), {}, False),
        (Matcher(areas=(AreaPath("1.2"),)), {"area": AreaPath("1.20")}, False),
        (Matcher(areas=(AreaPath("7"), AreaPath("1"))), {}, True),
        (Matcher(areas=(AreaPath.root(),)), {}, True),
        (Matcher(conditions=frozenset({"missing"})), {"condition": "missing"}, True),
        (Matcher(conditions=frozenset({"missing"})), {"condition": "rattling"}, False),
        (Matcher(conditions=frozenset({"missing"})), {}, False),
        (Matcher(sources=frozenset({"sensor", "video"})), {"source": "video"}, True),
        (Matcher(sources=frozenset({"sensor"})), {"source": "sensors"}, False),
    ],
)
def test_what_a_rule_asks_of_a_case(matcher: Matcher, fields: dict[str, Any], expected: bool) -> None:
    assert holds(matcher, **fields) is expected


DEPTH = Attribute("depth", Kind.NUMBER, least=30, most=50)
LANES = Attribute("lanes", Kind.NUMBER, frozenset({2, 4.0}))
SCHOOL = Attribute("school", Kind.BOOLEAN, frozenset({True}))
COLOUR = Attribute("colour", Kind.TEXT, frozenset({"red", "amber"}))


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        (DEPTH, 30, True),
        (DEPTH, 50.0, True),
        (DEPTH, 29.9, False),
        (DEPTH, 51, False),
        (DEPTH, "40", False),
        (DEPTH, True, False),
        (DEPTH, None, False),
        (replace(DEPTH, least=None), -1, True),
        (replace(DEPTH, most=None), 10**9, True),
        (LANES, 2.0, True),
        (LANES, 4, True),
        (LANES, 3, False),
        (SCHOOL, True, True),
        (SCHOOL, False, False),
        (SCHOOL, 1, False),
        (COLOUR, "red", True),
        (COLOUR, "Red", False),
        (COLOUR, ["red"], False),
        (COLOUR, {}, False),
    ],
)
def test_an_attribute_is_compared_with_its_kind(attribute: Attribute, value: object, expected: bool) -> None:
    assert attribute.holds({attribute.name: value}) is expected
    assert not attribute.holds({"another": value})


def test_what_kept_a_rule_out_is_told_only_where_nothing_else_did() -> None:
    matcher = Matcher(categories=("cover",), attributes=(DEPTH, COLOUR))

    def faults(**fields: Any) -> list[Fault]:
        return matcher.faults(Asked(**fields), None, START, CALENDAR)

    assert faults(attributes={"colour": "red"}) == [Fault("depth", Kind.NUMBER, None)]
    assert faults(attributes={"colour": "red", "depth": "deep"}) == [Fault("depth", Kind.NUMBER, "text")]
    assert faults(attributes={"depth": 40, "colour": []}) == [Fault("colour", Kind.TEXT, "list")]
    assert len(faults(attributes={})) == 2
    assert faults(attributes={"colour": "blue"}) == [], "the colour alone would have kept it out"
    assert faults(category="lamp", attributes={}) == []
    assert faults(attributes={"depth": 40, "colour": "blue"}) == []


@pytest.mark.parametrize(
    ("window", "local", "expected"),
    [
        (Window(start=8 * 60, end=18 * 60), "2026-11-23T08:00", True),
        (Window(start=8 * 60, end=18 * 60), "2026-11-23T17:59:59", True),
        (Window(start=8 * 60, end=18 * 60), "2026-11-23T18:00", False),
        (Window(start=22 * 60, end=6 * 60), "2026-11-23T22:00", True),
        (Window(start=22 * 60, end=6 * 60), "2026-11-23T05:59", True),
        (Window(start=22 * 60, end=6 * 60), "2026-11-23T06:00", False),
        (Window(frozenset({1})), "2026-11-23T23:59", True),
        (Window(frozenset({1})), "2026-11-24T00:00", False),
        # The night of Friday goes on until Saturday morning, and that of Sunday until Monday morning.
        (Window(frozenset({5}), 22 * 60, 6 * 60), "2026-11-28T02:00", True),
        (Window(frozenset({5}), 22 * 60, 6 * 60), "2026-11-27T02:00", False),
        (Window(frozenset({7}), 22 * 60, 6 * 60), "2026-11-23T02:00", True),
        (Window(frozenset({1}), 22 * 60, 6 * 60), "2026-11-23T02:00", False),
        (Window(working=True), "2026-11-23T08:00", True),
        (Window(working=True), "2026-11-23T12:00", False),
        (Window(working=True), "2026-11-22T10:00", False),
        (Window(working=False), "2026-11-22T10:00", True),
        (Window(working=False), "2026-11-23T12:00", True),
        (Window(working=False), "2026-11-23T11:59:59", False),
    ],
)
def test_a_window_is_of_the_citys_own_week(window: Window, local: str, expected: bool) -> None:
    assert holds(Matcher(window=window), at(local)) is expected


def test_a_window_follows_daylight_saving() -> None:
    new_york = replace(CALENDAR, time_zone="America/New_York")
    window = Window(start=9 * 60, end=10 * 60)
    summer, winter = datetime(2026, 7, 1, 13, 30, tzinfo=UTC), datetime(2026, 12, 1, 13, 30, tzinfo=UTC)
    assert window.holds(summer, new_york)
    assert not window.holds(winter, new_york)
    assert window.holds(winter + timedelta(hours=1), new_york)


def decide(*rules: Rule, units: frozenset[str] = UNITS, **fields: Any) -> Any:
    return Routing(rules, 7, CITY).decide(Asked(**fields), START, units)


def test_the_first_rule_that_matches_decides() -> None:
    sensor = Rule("sensor", Target("roads"), Matcher(sources=frozenset({"sensor"})), limit=Limit(1, Unit.URGENT_HOUR))
    said = decide(sensor, OF_CATEGORY, source="sensor")
    assert (said.rule, said.version, said.unit, said.condition) == ("sensor", 7, "roads", "missing")
    assert (said.limit, said.automatic, said.reason) == (Limit(1, Unit.URGENT_HOUR), (Act.AUTO_ACCEPT,), None)
    said = decide(sensor, OF_CATEGORY)
    assert (said.rule, said.unit, said.limit) == ("department", "water", None)
    assert decide(sensor, OF_CATEGORY, area=AreaPath("1.9.1")).unit == "north"


def test_before_filing_a_case_counts_as_of_its_categorys_first_condition() -> None:
    rattling = Rule("rattling", Target("roads"), Matcher(conditions=frozenset({"rattling"})))
    missing = Rule("missing", Target("light"), Matcher(conditions=frozenset({"missing"})))
    assert decide(rattling, missing).rule == "missing"
    assert decide(rattling, missing, condition="rattling").rule == "rattling"


def test_a_rule_may_choose_the_condition_and_its_limit_goes_with_it() -> None:
    rule = Rule("rattles", Target("roads"), condition="rattling", limit=Limit(1, Unit.URGENT_DAY))
    assert decide(rule)[4:6] == ("rattling", Limit(1, Unit.URGENT_DAY))
    assert decide(rule, condition="rattling")[4:6] == ("rattling", Limit(1, Unit.URGENT_DAY))
    assert decide(rule, condition="missing")[4:6] == ("missing", None), "a person chose otherwise"


def test_assisting_units_are_found_as_the_lead_is_and_never_twice() -> None:
    rule = Rule("both", Target("roads"), assisting=(Target(), Target("light"), Target(dept="water")))
    assert decide(rule).assisting == ("water", "light")
    assert decide(replace(rule, lead=Target("water"))).assisting == ("light",)


def test_what_a_rule_cannot_answer_falls_to_a_person_and_never_to_the_next_rule() -> None:
    def left(*rules: Rule, **fields: Any) -> tuple[Any, ...]:
        said = decide(*rules, **fields)
        assert (said.unit, said.assisting) == (None, ())
        return said.rule, said.reason

    gone = Rule("gone", Target("dissolved"))
    assert left(gone, OF_CATEGORY) == ("gone", Reason.UNIT_GONE)
    assert left(OF_CATEGORY, units=frozenset({"roads"})) == ("department", Reason.UNIT_GONE)
    assert left(Rule("helper", Target("roads"), assisting=(Target("dissolved"),))) == ("helper", Reason.UNIT_GONE)
    assert left(Rule("dept", Target(dept="light")), OF_CATEGORY) == ("dept", Reason.NO_UNIT_HERE)
    assert left(Rule("dept", Target("roads"), assisting=(Target(dept="light"),))) == ("dept", Reason.NO_UNIT_HERE)
    assert left(Rule("odd", Target("roads"), condition="dark")) == ("odd", Reason.NO_CONDITION)
    assert left(Rule("any", Target("roads")), category="of a newer pack") == ("any", Reason.NO_CONDITION)
    assert left(Rule("lamps", Target("roads"), Matcher(categories=("lamp",)))) == (None, Reason.NO_RULE)
    said = decide(Rule("any", Target("roads")), category="of a newer pack", condition="filed once")
    assert said.unit == "roads", "a case that was filed keeps its condition"


def routed(*rules: Rule, version: int = 7, pack: tuple[Act, ...] = ()) -> Rules:
    return replace(RULES, route=Routing(rules, version, CITY._replace(automatic=pack)).decide)


ALL = (Act.AUTO_ACCEPT, Act.AUTO_FILE, Act.AUTO_DISPATCH)


@pytest.mark.parametrize(
    ("pack", "rule", "status"),
    [
        ((), None, Status.REPORTED),
        ((), (), Status.REPORTED),
        ((), ALL[:1], Status.ACCEPTED),
        ((), ALL[:2], Status.FILED),
        ((), ALL, Status.DISPATCHED),
        (ALL, None, Status.DISPATCHED),
        (ALL, (), Status.REPORTED),
        (ALL[:1], None, Status.ACCEPTED),
        (ALL, ALL[:2], Status.FILED),
    ],
)
def test_a_rule_says_how_far_the_system_acts_and_else_the_pack_does(
    pack: tuple[Act, ...], rule: tuple[Act, ...] | None, status: Status
) -> None:
    case = automatic(opened(), START, routed(replace(OF_CATEGORY, automatic=rule), pack=pack))
    assert case.status is status


def test_an_automatic_case_carries_the_rules_limit_and_its_name_and_version() -> None:
    rule = Rule(
        "sensor", Target(), assisting=(Target("roads"),), condition="rattling", limit=Limit(90, Unit.URGENT_MINUTE)
    )
    case = automatic(opened(), START, routed(rule, pack=ALL))
    filed, dispatched = case.facts[2:]
    assert (case.unit, case.assisting, case.condition) == ("water", ("roads",), "rattling")
    assert case.limit == Limit(90, Unit.URGENT_MINUTE)
    assert case.due_at == START + timedelta(minutes=90)
    assert filed.details == {
        "limit_amount": 90,
        "limit_unit": "urgent_minute",
        "limit_s": 5400,
        "rule": "sensor",
        "rule_version": 7,
    }
    assert dispatched.details == {
        "assisting": ["roads"],
        "rule": "sensor",
        "rule_version": 7,
        "suggested_unit": None,
        "suggested_rule": None,
    }


def test_a_unit_that_is_gone_stops_the_system_before_filing() -> None:
    case = automatic(opened(), START, routed(Rule("gone", Target("dissolved")), pack=ALL))
    assert (case.status, case.unit) == (Status.ACCEPTED, None)


def filed(rules: Rules, condition: str) -> Case:
    case = do(opened(), Act.ACCEPT, Post.ACCEPTOR, rules=rules)
    return do(case, Act.FILE, Post.SHIFT_LEADER, rules=rules, condition=condition)


def test_the_rules_limit_counts_also_when_a_person_files() -> None:
    quick = Rule("quick", Target(), Matcher(conditions=frozenset({"rattling"})), limit=Limit(1, Unit.URGENT_HOUR))
    rules = routed(quick, OF_CATEGORY)
    case = filed(rules, "rattling")
    assert case.limit == Limit(1, Unit.URGENT_HOUR)
    assert (case.facts[-1].details["rule"], case.facts[-1].details["rule_version"]) == ("quick", 7)
    case = filed(rules, "missing")
    assert case.limit == RULES.handling["cover", "missing"]
    assert case.facts[-1].details["rule"] is None


def test_rules_that_change_after_filing_move_no_limit() -> None:
    case = filed(routed(OF_CATEGORY), "missing")
    quick = routed(replace(OF_CATEGORY, limit=Limit(1, Unit.URGENT_MINUTE)))
    case = do(case, Act.DISPATCH, Post.DISPATCHER, rules=quick)
    assert case.limit == RULES.handling["cover", "missing"]


@pytest.mark.parametrize("unit", ["water", "roads"])
def test_a_persons_dispatch_tells_what_the_rules_suggested(unit: str) -> None:
    rules = routed(OF_CATEGORY)
    case = do(filed(rules, "missing"), Act.DISPATCH, Post.DISPATCHER, rules=rules, unit=unit)
    assert case.unit == unit
    assert case.facts[-1].details == {
        "assisting": [],
        "rule": None,
        "rule_version": 7,
        "suggested_unit": "water",
        "suggested_rule": "department",
    }


# Few values, so that rules and cases meet often.
AREAS = st.sampled_from(["1", "1.2", "1.20", "1.2.3", "1.2.3.4", "1.9", "2"]).map(AreaPath)
CATEGORIES = ["cover", "cover-2", "lamp", "of a newer pack"]
ATTRIBUTES = st.sampled_from([DEPTH, LANES, SCHOOL, COLOUR, replace(DEPTH, least=None), replace(DEPTH, most=None)])
WINDOWS = st.builds(
    Window,
    st.frozensets(st.integers(1, 7), min_size=1),
    st.sampled_from([0, 8 * 60, 22 * 60]),
    st.sampled_from([6 * 60, 12 * 60, 1440]),
    st.sampled_from([None, True, False]),
)
MATCHERS = st.builds(
    Matcher,
    st.lists(st.sampled_from(["cover", "cover*", "lamp", "*", "of*"]), max_size=2).map(tuple),
    st.lists(AREAS, max_size=2).map(tuple),
    st.frozensets(st.sampled_from(["missing", "rattling", "dark"]), max_size=2),
    st.frozensets(st.sampled_from(["app", "sensor"]), max_size=1),
    st.lists(ATTRIBUTES, max_size=2).map(tuple),
    st.none() | WINDOWS,
)
CASES = st.builds(
    Asked,
    st.sampled_from(CATEGORIES),
    AREAS,
    st.sampled_from([None, "missing", "rattling", "dark"]),
    st.fixed_dictionaries(
        {},
        optional={
            "depth": st.sampled_from([10, 40, 60, "40", None]),
            "lanes": st.sampled_from([2, 3, True]),
            "school": st.sampled_from([True, False, 1]),
            "colour": st.sampled_from(["red", "blue", 7]),
        },
    ),
    st.sampled_from(["app", "sensor"]),
)
INSTANTS = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 30), timezones=st.just(UTC))


@settings(max_examples=400, deadline=None)
@given(st.lists(MATCHERS, max_size=12), st.lists(st.tuples(CASES, INSTANTS), min_size=1, max_size=8))
def test_the_compiled_search_finds_what_a_linear_one_does(
    matchers: list[Matcher], cases: list[tuple[Asked, datetime]]
) -> None:
    rules = [Rule(f"rule-{n}", Target("roads"), matcher) for n, matcher in enumerate(matchers)]
    routing = Routing(rules, 1, CITY)
    for case, when in cases:
        condition = routing.condition_of(case)
        found = first_match(rules, case, condition, when, CALENDAR)
        expected = rules[found] if found < len(rules) else None
        assert routing.match(case, condition, when) is expected
        said = routing.decide(case, when, UNITS)
        assert said.rule == (expected.name if expected else None)
        assert (said.unit is None) == (said.reason is not None)
