"""Routing rules of packs: every mistake is refused by file, rule and field; the packs' own say what they should."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatch.domain.routing import Decision
from services.dispatch.domain.worktime import Limit, Unit
from services.dispatch.pack_routing import rules_from
from services.dispatch.pack_rules import calendar_of, rules_of
from shared.kernel.area import AreaPath
from shared.packs import Pack, Problem, load
from shared.packs.geography import areas
from shared.packs.routing import RoutingRule
from shared.packs.routing_reach import covers
from shared.packs.routing_references import categories_of, check_rules
from tests.unit.dispatch.test_routing import Asked

HAIDIAN = load("haidian")
MORNING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
CALENDAR = calendar_of(HAIDIAN)
THERE = "{dept: category, nearest: true}"


def findings(text: str, pack: Pack = HAIDIAN, **more: Any) -> list[str]:
    problems: list[Problem] = []
    check_rules(text.encode(), "rules.yaml", pack, problems, **more)
    return [str(problem) for problem in problems]


def one(when: str = "{}", then: str = f"{{unit: {THERE}}}", name: str = "a") -> str:
    return f"rules:\n  - name: {name}\n    when: {when}\n    then: {then}\n"


@pytest.mark.parametrize("when", ["{}", '{category: "06013"}', '{category: "0601*", area: "110108.012"}'])
@pytest.mark.parametrize("then", [f"{{unit: {THERE}}}", "{unit: police, assisting: [environment], auto: file}"])
def test_what_is_right_is_taken(when: str, then: str) -> None:
    assert findings(one(when, then)) == []


@pytest.mark.parametrize(
    ("when", "then", "finding"),
    [
        ('{category: "09999"}', "", "/when/category: rule 'a': no category of pack haidian is '09999'"),
        ('{category: "77*"}', "", "/when/category: rule 'a': no category of pack haidian is '77*'"),
        ("{category: 01003}", "", "/when/category/0: rule 'a': input should be a valid string; write codes in quotes"),
        ("{category: []}", "", "/when/category: rule 'a': "),
        ('{category: "01003", condition: dirty}', "", "/when/condition: rule 'a': 'dirty' is a filing condition of no"),
        ("{condition: hasard}", "", "/when/condition: rule 'a': 'hasard' is a filing condition of no category"),
        (
            "{area: '110101.001'}",
            "",
            "/when/area: rule 'a': '110101.001' lies outside of pack haidian: its areas begin",
        ),
        ("{area: '11010'}", "", "/when/area: rule 'a': '11010' lies outside"),
        ("{area: '110108.012.003.001.9'}", "", "has 5 levels; pack haidian has 4"),
        ("{area: '110108..012'}", "", "/when/area/0: rule 'a': an area path is 1 to 8 segments"),
        ("{attributes: {depth: 3}}", "", "pack.yaml states no attribute 'depth'; it states depth_cm"),
        ('{category: "06028", attributes: {depth_cm: 3}}', "", "'depth_cm' is an attribute of no category that the"),
        (
            "{attributes: {depth_cm: deep}}",
            "",
            "/when/attributes/depth_cm: rule 'a': 'depth_cm' is number, which 'deep'",
        ),
        ("{attributes: {depth_cm: true}}", "", "'depth_cm' is number, which True is not"),
        ("{attributes: {depth_cm: {min: 9, max: 3}}}", "", "nothing lies between min 9 and max 3"),
        ("{attributes: {depth_cm: {}}}", "", "/when/attributes/depth_cm: rule 'a': say a value, {in: [values]}, or"),
        ("{attributes: {depth_cm: {in: [1], min: 2}}}", "", "/when/attributes/depth_cm: rule 'a': say a value"),
        ("{attributes: {depth_cm: {least: 2}}}", "", "/when/attributes/depth_cm/least: rule 'a': no such field"),
        (
            "{attributes: {depth_cm: {min: '2'}}}",
            "",
            "/when/attributes/depth_cm/min: rule 'a': input should be a valid n",
        ),
        ("{time: {from: '22:00', until: '22:00'}}", "", "/when/time: rule 'a': the window is empty"),
        ("{time: {from: '24:00'}}", "", "/when/time: rule 'a': the window is empty"),
        ("{time: {until: '00:00'}}", "", "/when/time: rule 'a': the window is empty"),
        ("{time: {}}", "", "/when/time: rule 'a': says nothing"),
        ("{time: {weekdays: []}}", "", "/when/time/weekdays"),
        ("{time: {weekdays: [8]}}", "", "/when/time/weekdays/0"),
        ("{time: {from: '8:00'}}", "", "/when/time/from: rule 'a': a time of day is written \"HH:MM\""),
        ("{time: {from: '08:60'}}", "", "/when/time/from: rule 'a': a time of day is written"),
        ("{time: {from: '18:00', until: '08:00', calendar: working}}", "", "no working slot of the calendar lies in"),
        ("{time: {calendar: sometimes}}", "", "/when/time/calendar"),
        ("{source: [app, rumour]}", "", "/when/source: rule 'a': pack.yaml states no source 'rumour'; it states app"),
        ("{sauce: app}", "", "/when/sauce: rule 'a': no such field"),
        ("{}", "{unit: dissolved}", "/then/unit: rule 'a': there is no handling unit 'dissolved'"),
        ("{}", "{unit: {dept: magic, nearest: true}}", "/then/unit: rule 'a': there is no department 'magic'"),
        ("{}", "{unit: {dept: police}}", "/then/unit: rule 'a': say a unit's code in quotes, or {dept"),
        ("{}", "{unit: {dept: police, nearest: false}}", "/then/unit/nearest: rule 'a': input should be True"),
        ("{}", "{assisting: [police]}", "/then/unit: rule 'a': field required"),
        ("{}", "{unit: police, assisting: [police]}", "/then/assisting/0: rule 'a': is named already"),
        ("{}", "{unit: police, assisting: [fire, fire]}", "/then/assisting/1: rule 'a': is named already"),
        (
            "{}",
            "{unit: police, assisting: [ghosts]}",
            "/then/assisting/0: rule 'a': there is no handling unit 'ghosts'",
        ),
        ("{}", "{unit: police, condition: damaged}", "'damaged' is no filing condition of category"),
        (
            "{condition: damaged}",
            "{unit: police, condition: damaged}",
            "/then/condition: rule 'a': a rule for cases of",
        ),
        ("{}", "{unit: police, limit: {amount: 0, unit: work_day}}", "/then/limit/amount: rule 'a': "),
        ("{}", "{unit: police, limit: {amount: 1, unit: day}}", "/then/limit/unit: rule 'a': "),
        ("{}", "{unit: police, auto: maybe}", "/then/auto"),
    ],
)
def test_what_is_wrong_is_refused_with_rule_and_field(when: str, then: str, finding: str) -> None:
    found = findings(one(when, then or f"{{unit: {THERE}}}"))
    assert any(finding in each for each in found), found
    assert all(each.startswith("rules.yaml /rules/0/") for each in found), found


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "rules.yaml /: should be a mapping"),
        ("rules: []", "rules.yaml /rules: "),
        ("rule: []", "rules.yaml /rule: no such field"),
        ("rules: }", "rules.yaml line 1: cannot be read"),
        (one("{area: '110108', area: '110108.012'}"), "rules.yaml line 3: cannot be read: 'area' is given twice"),
        (one(name='""'), "rules.yaml /rules/0/name: rule '': string should match"),
        ("rules: [{then: {unit: police}}]", "rules.yaml /rules/0/name: field required"),
        (
            "rules: [{name: a, then: {unit: fire}, when: {source: app}}, {name: a, then: {unit: fire}}]",
            "rules.yaml /rules/1/name: rule 'a': rule 1 of the file has this name already",
        ),
        (
            "rules: [{name: a, then: {unit: fire}}, {name: b, then: {unit: fire}, when: {source: app}}]",
            "rules.yaml /rules/1/when: rule 'b': can never match: every case it is for is one of rule 'a' above it",
        ),
    ],
)
def test_a_file_that_is_wrong_as_a_whole(text: str, finding: str) -> None:
    assert any(each.startswith(finding) for each in findings(text)), findings(text)


def test_units_may_be_others_than_the_packs() -> None:
    assert findings(one(then="{unit: new-unit}"), units={"new-unit"}) == []
    assert "no handling unit 'police'" in findings(one(then="{unit: police}"), units={"new-unit"})[0]


def test_outside_of_new_york_are_boroughs_that_it_has_not() -> None:
    nyc = load("nyc-311")
    assert findings(one("{area: BK.01}"), nyc) == []
    assert (
        "'NJ' lies outside of pack nyc-311: its areas begin with BK, BX, MN, QN, SI"
        in findings(one("{area: NJ}"), nyc)[0]
    )


def test_times_and_off_may_stand_without_quotes() -> None:
    quoted = one('{time: {from: "22:00", until: "06:00", calendar: "off"}}')
    plain = one("{time: {from: 22:00, until: 06:00, calendar: off}}")
    read = [check_rules(text.encode(), "rules.yaml", HAIDIAN, []) for text in (quoted, plain)]
    assert read[0] == read[1] != ()


@pytest.mark.parametrize("name", ["haidian", "nyc-311"])
def test_without_anything_special_a_case_goes_where_it_always_went(name: str) -> None:
    """The unit of the category's department with the smallest area round the case, under the first condition."""
    pack = load(name)
    rules = rules_of(pack)
    drawn = areas(pack)
    sample = [*drawn[:: len(drawn) // 40], drawn[-1]]
    checked = 0
    for category in (*pack.categories, "of a newer pack"):
        for path in (*(area.path for area in sample), AreaPath("elsewhere.1")):
            said = rules.decide(Asked(category, path), MORNING)
            unit = pack.unit_for(category, path)
            assert said.unit == (unit.code if unit else None), (category, path)
            assert said.limit is None
            if unit:
                assert (said.rule, said.assisting) == ("department", ())
                assert said.condition == pack.categories[category].default_condition.key
                checked += 1
    assert checked > 1000


def said(category: str, at: datetime = MORNING, **fields: Any) -> Decision:
    return rules_of(HAIDIAN).decide(Asked(category, AreaPath("110108.012.003.001"), **fields), at)


def test_haidians_made_up_rules_show_what_rules_can_do() -> None:
    sensor = said("01003", source="sensor")
    assert (sensor.rule, sensor.unit, sensor.assisting) == ("cover-sensor", "drainage", ("traffic_police",))
    assert (sensor.limit, len(sensor.automatic)) == (Limit(1, Unit.URGENT_HOUR), 3)
    deep, shallow = (said("06013", attributes={"depth_cm": depth}) for depth in (45, 10))
    assert (deep.unit, deep.condition, deep.assisting) == ("municipal_roads", "subsidence", ("traffic_police",))
    assert (shallow.rule, shallow.condition) == ("department", "damaged")
    assert said("06028", NIGHT).unit == "police"
    assert said("06028").unit == "environment"


NIGHT_OF = {"weekdays": [5], "from": "22:00", "until": "06:00"}
MONDAY = {"weekdays": [1], "from": "08:00", "until": "18:00"}


def rule_of(name: str, when: dict[str, Any]) -> RoutingRule:
    return RoutingRule.model_validate_json(json.dumps({"name": name, "when": when, "then": {"unit": "fire"}}))


def is_covered(upper: dict[str, Any], lower: dict[str, Any]) -> bool:
    one, other = rule_of("upper", upper), rule_of("lower", lower)
    return covers(one, categories_of(one, HAIDIAN), other, categories_of(other, HAIDIAN))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ({}, {"area": "110108"}),
        ({"category": "0100*"}, {"category": ["01001", "01003"]}),
        ({"condition": ["damaged", "dirty"]}, {"condition": "dirty"}),
        ({"area": ["110108.013", "110108.012"]}, {"area": ["110108.012.003", "110108.012.004"]}),
        ({"area": "110108.012"}, {"area": ["110108.012.003"], "source": "app"}),
        ({"attributes": {"depth_cm": {"min": 10}}}, {"attributes": {"depth_cm": {"min": 30}}}),
        ({"attributes": {"depth_cm": {"min": 10, "max": 50}}}, {"attributes": {"depth_cm": {"in": [10, 40, 50]}}}),
        ({"attributes": {"depth_cm": {"in": [1, 2]}}}, {"attributes": {"depth_cm": 2.0, "wet": True}}),
        ({"time": {"weekdays": [1, 5]}}, {"time": {"weekdays": [5], "calendar": "off"}}),
        ({"time": NIGHT_OF}, {"time": NIGHT_OF | {"from": "23:00", "until": "05:00"}}),
        ({"time": MONDAY}, {"time": MONDAY | {"from": "09:00", "calendar": "working"}}),
    ],
)
def test_a_rule_is_covered_by_a_wider_one_and_not_the_other_way_round(
    wide: dict[str, Any], narrow: dict[str, Any]
) -> None:
    assert is_covered(wide, narrow)
    assert is_covered(wide, wide)
    assert not is_covered(narrow, wide)


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ({"category": "0*"}, {}),  # what the pack does not know yet is of no beginning
        ({"area": "110108.012"}, {"area": ["110108.012.003", "110108.013"]}),
        ({"area": "110108.01"}, {"area": "110108.012"}),
        ({"attributes": {"depth_cm": {"max": 50}}}, {"attributes": {"depth_cm": {"in": [40, 60]}}}),
        ({"attributes": {"wet": 1}}, {"attributes": {"wet": True}}),
        ({"attributes": {"wet": {"min": 0}}}, {"attributes": {"wet": True}}),
        ({"attributes": {"depth_cm": 40}}, {"attributes": {"depth_cm": {"min": 40, "max": 40}}}),
        ({"attributes": {"depth_cm": 40}}, {"source": "app"}),
        # Friday's night ends on Saturday, and that of Thursday does on Friday.
        ({"time": {"weekdays": [5]}}, {"time": NIGHT_OF}),
        ({"time": NIGHT_OF}, {"time": {"weekdays": [5], "from": "23:00", "until": "24:00"}}),
        ({"time": {"calendar": "working"}}, {"time": MONDAY}),
    ],
)
def test_a_rule_that_leaves_something_covers_nothing(upper: dict[str, Any], lower: dict[str, Any]) -> None:
    assert not is_covered(upper, lower)


PARTS = {
    "category": st.lists(st.sampled_from(["01001", "01003", "0100*", "06013", "0*"]), min_size=1, max_size=2),
    "condition": st.lists(st.sampled_from(["damaged", "subsidence"]), min_size=1, max_size=2),
    "area": st.lists(st.sampled_from(["110108", "110108.012", "110108.012.003"]), min_size=1, max_size=2),
    "source": st.lists(st.sampled_from(["app", "sensor"]), min_size=1, max_size=2),
    "attributes": st.fixed_dictionaries(
        {},
        optional={
            "depth_cm": st.sampled_from([{"min": 10}, {"min": 30, "max": 50}, {"in": [40]}, 40, {"max": 50}, True]),
            "wet": st.sampled_from([True, False, {"in": [True, False]}, 1, {"min": 0}]),
        },
    ).filter(bool),
    "time": st.fixed_dictionaries(
        {"weekdays": st.lists(st.integers(1, 3), min_size=1, max_size=3)},
        optional={
            "from": st.sampled_from(["08:00", "20:00"]),
            "until": st.sampled_from(["07:00", "12:00", "21:00"]),
            "calendar": st.sampled_from(["working", "off"]),
        },
    ),
}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two rules that ask for much the same: otherwise hardly any covers another."""
    both = draw(st.fixed_dictionaries({}, optional=PARTS))
    upper, lower = dict(both), dict(both)
    for part in draw(st.sets(st.sampled_from(sorted(PARTS)), min_size=1, max_size=2)):
        upper[part], lower[part] = draw(PARTS[part]), draw(PARTS[part])
    return upper, lower


FACTS = st.builds(
    Asked,
    st.sampled_from(["01001", "01003", "06013"]),
    st.sampled_from(["110108", "110108.012.003.001", "110108.013.001.001"]).map(AreaPath),
    st.sampled_from(["damaged", "subsidence", "dirty"]),
    st.fixed_dictionaries(
        {}, optional={"depth_cm": st.sampled_from([5, 40, 60, "40"]), "wet": st.sampled_from([True, False, 1, 0])}
    ),
    st.sampled_from(["app", "sensor"]),
)
WEEK = st.datetimes(datetime(2026, 11, 23), datetime(2026, 11, 26), timezones=st.just(UTC))


@settings(max_examples=400, deadline=None)
@given(pairs(), st.lists(st.tuples(FACTS, WEEK), min_size=5, max_size=10))
def test_a_rule_that_is_called_covered_never_comes_first(
    pair: tuple[dict[str, Any], dict[str, Any]], cases: list[tuple[Asked, datetime]]
) -> None:
    covered = is_covered(*pair)
    one, other = (rule.matcher for rule in rules_from([rule_of("upper", pair[0]), rule_of("lower", pair[1])]))
    for case, at in cases:
        if covered and other.holds(case, case.condition, at, CALENDAR):
            assert one.holds(case, case.condition, at, CALENDAR)
