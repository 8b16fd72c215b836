"""Who is on duty: the A post, the B post, the leader, or nobody, and why."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.dispatch.domain.roster import EVERY_DAY, Duty, Roster, Staff, check_roster, on_duty, overlaps, roster_of
from shared.kernel.area import AreaPath

ZONE = ZoneInfo("Asia/Shanghai")
GRID = AreaPath("110108.012.003.017")
COMMUNITY = AreaPath("110108.012.003")
STREET = AreaPath("110108.012")
MONDAY = date(2026, 11, 23)
PEOPLE = [
    Staff("wang", "grid_worker", AreaPath("110108")),
    Staff("li", "grid_worker", AreaPath("110108")),
    Staff("zhao", "supervisor", STREET),
    Staff("head-of-street", "grid_leader", STREET),
]


def at(hour: int, minute: int = 0, day: date = MONDAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE)


def roster(*rows: Duty, people=PEOPLE) -> Roster:
    return roster_of(ZONE, rows, people)


def test_the_a_post_of_the_grid():
    assert on_duty(roster(Duty(GRID, "wang", "li")), GRID, at(9)) == ("wang", "a")


def test_the_b_post_while_a_is_absent_gone_or_elsewhere():
    away = frozenset({MONDAY})
    assert on_duty(roster(Duty(GRID, "wang", "li", absent_a=away)), GRID, at(9)) == ("li", "b")
    assert on_duty(roster(Duty(GRID, "nobody-any-more", "li")), GRID, at(9)) == ("li", "b")
    moved = [Staff("wang", "grid_worker", AreaPath("110108.013")), *PEOPLE[1:]]
    assert on_duty(roster(Duty(GRID, "wang", "li"), people=moved), GRID, at(9)) == ("li", "b")


def test_who_does_not_answer_is_followed_by_b_by_the_leader_and_by_a_leader_further_up() -> None:
    found = roster(Duty(GRID, "wang", "li"))
    asked, who = [], None
    while (assignment := on_duty(found, GRID, at(9), who)).subject is not None:
        who = assignment.subject
        asked.append(assignment)
    assert [each.subject for each in asked[:2]] == ["wang", "li"]
    assert len(asked) == len({each.subject for each in asked}), "nobody is asked twice"
    assert asked[2].why == "leader: li did not answer"


def test_a_hole_falls_to_the_leader_of_the_nearest_area_around():
    found = on_duty(roster(), GRID, at(9))
    assert found == ("head-of-street", f"leader: no roster for {GRID} at 2026-11-23 09:00")
    nearer = [*PEOPLE, Staff("head-of-community", "grid_leader", COMMUNITY)]
    assert on_duty(roster(people=nearer), GRID, at(9)).subject == "head-of-community"
    off = Duty(GRID, "wang", "li", absent_a=frozenset({MONDAY}), absent_b=frozenset({MONDAY}))
    assert on_duty(roster(off), GRID, at(9)) == ("head-of-street", "leader: wang and li are off on 2026-11-23")


def test_without_a_leader_it_says_that_nobody_is():
    found = on_duty(roster(people=PEOPLE[:3]), GRID, at(9))
    assert found.subject is None
    assert found.why.startswith("nobody: no roster for")


def test_the_longest_area_that_has_a_row_for_the_hour_decides():
    found = roster(Duty(GRID, "wang", weekdays=frozenset({1, 2, 3, 4, 5})), Duty(COMMUNITY, "li"))
    assert on_duty(found, GRID, at(9)).subject == "wang"
    assert on_duty(found, GRID, at(9, day=MONDAY + timedelta(days=5))).subject == "li"
    assert on_duty(found, AreaPath("110108.012.003.0170"), at(9)).subject == "li"


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin():
    night = Duty(GRID, "wang", "li", weekdays=frozenset({1}), from_minute=20 * 60, until_minute=8 * 60)
    found = roster(night._replace(absent_a=frozenset({MONDAY})))
    assert on_duty(found, GRID, at(7, 59)).why.startswith("leader")  # Sunday's night
    assert on_duty(found, GRID, at(20)) == ("li", "b")
    assert on_duty(found, GRID, at(7, 59, MONDAY + timedelta(days=1))) == ("li", "b")
    assert on_duty(found, GRID, at(8, day=MONDAY + timedelta(days=1))).why.startswith("leader")


def test_days_are_days_of_the_city():
    found = roster(Duty(GRID, "wang", from_day=MONDAY, until_day=MONDAY))
    utc = ZoneInfo("UTC")
    assert on_duty(found, GRID, datetime(2026, 11, 22, 16, tzinfo=utc)).subject == "wang"
    assert on_duty(found, GRID, datetime(2026, 11, 22, 15, 59, tzinfo=utc)).subject != "wang"
    assert on_duty(found, GRID, datetime(2026, 11, 23, 16, tzinfo=utc)).subject != "wang"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (Duty(AreaPath("110105.001"), "wang"), "area"),
        (Duty(GRID, "wang", "wang"), "b"),
        (Duty(GRID, "stranger"), "a"),
        (Duty(AreaPath("110108.013"), "zhao"), "a"),
        (Duty(GRID, "wang", "stranger"), "b"),
        (Duty(GRID, "wang", from_day=MONDAY, until_day=MONDAY - timedelta(days=1)), "until_day"),
    ],
)
def test_a_row_that_cannot_be_is_named_with_its_column(row, column):
    staff = {person.subject: person for person in PEOPLE}
    assert f"line 2, {column}" in [finding.where for finding in check_roster([(2, row)], staff, AreaPath("110108"))]


days = st.none() | st.integers(-6, 6).map(lambda n: MONDAY + timedelta(days=n))
minutes = st.sampled_from([0, 1, 8 * 60, 12 * 60, 20 * 60, 1439])
duties = st.builds(
    Duty,
    area=st.sampled_from([GRID, COMMUNITY, STREET]),
    a=st.sampled_from(["wang", "li"]),
    b=st.sampled_from([None, "zhao"]),
    weekdays=st.frozensets(st.integers(1, 7), min_size=1) | st.just(EVERY_DAY),
    from_minute=minutes,
    until_minute=minutes,
    from_day=days,
    until_day=days,
    absent_a=st.frozensets(st.sampled_from([MONDAY, MONDAY + timedelta(days=1)])),
).filter(lambda row: row.from_minute != row.until_minute)
instants = st.integers(-10 * 24 * 60, 10 * 24 * 60).map(lambda n: at(0) + timedelta(minutes=n))


@given(st.lists(duties, max_size=5), instants)
def test_there_is_always_an_answer_and_it_holds(rows, when):
    found = on_duty(roster(*rows), GRID, when)
    covering = [row for row in rows if row.day_of(when) is not None]
    longest = max((row.area for row in covering), key=len, default=None)
    if found.why == "a":
        assert any(row.area == longest and row.a == found.subject for row in covering)
    elif found.why == "b":
        assert any(row.area == longest and row.b == found.subject for row in covering)
    else:
        assert found.subject == "head-of-street"
        assert found.why.startswith("leader: ")


@given(duties, duties)
@example(
    Duty(GRID, "wang", weekdays=frozenset({4})),
    Duty(GRID, "wang", weekdays=frozenset({4}), until_day=MONDAY - timedelta(days=5)),
)
def test_rows_overlap_exactly_when_some_hour_belongs_to_both(one, other):
    one, other = one._replace(area=GRID), other._replace(area=GRID)
    # Bounds are within six days of Monday: a week and a day further holds each weekday of a row open at one end.
    first, last = MONDAY - timedelta(days=15), MONDAY + timedelta(days=16)
    looked = [
        at(0, day=first) + timedelta(days=n, minutes=minute)
        for n in range((last - first).days)
        for minute in (0, 1, 8 * 60, 12 * 60, 20 * 60, 1439)
    ]
    both = any(one.day_of(when) is not None and other.day_of(when) is not None for when in looked)
    assert bool(overlaps([(2, one), (3, other)])) == both
