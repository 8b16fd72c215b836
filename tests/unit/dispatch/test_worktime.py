"""Working time: rules worked out by hand, then properties for every start and limit."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar
import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.worktime import Calendar, Limit, Slot, Unit, after, due, kept_by, provisional, used
from services.dispatch.pack_rules import calendar_of
from shared.packs import load

BEIJING = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
HAIDIAN = calendar_of(load("haidian"))
NYC = calendar_of(load("nyc-311"))
NIGHTS = Calendar("nights", "America/New_York", (Slot(0, 360), Slot(1320, 1440)), weekend=frozenset())


def beijing(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "expected"),
    [
        # 1 work day from 16:00 ends at 16:00 of the next working day (Yuncheng §4)
        ("2026-11-23 16:00", 1, Unit.WORK_DAY, "2026-11-24 16:00"),
        ("2026-11-23 08:00", 1, Unit.WORK_DAY, "2026-11-23 18:00"),
        ("2026-11-23 10:00", 4, Unit.WORK_HOUR, "2026-11-23 16:00"),
        ("2026-11-23 11:30", 30, Unit.WORK_MINUTE, "2026-11-23 12:00"),
        ("2026-11-23 11:30", 31, Unit.WORK_MINUTE, "2026-11-23 14:01"),
        # outside slots nothing is used
        ("2026-11-23 12:30", 1, Unit.WORK_HOUR, "2026-11-23 15:00"),
        ("2026-11-23 05:00", 1, Unit.WORK_HOUR, "2026-11-23 09:00"),
        ("2026-11-23 23:00", 1, Unit.WORK_HOUR, "2026-11-24 09:00"),
        # over a weekend
        ("2026-11-27 17:00", 2, Unit.WORK_HOUR, "2026-11-30 09:00"),
        # Spring Festival 2026: off from 15 to 23 February; 14 and 28 February are worked, both Saturdays
        ("2026-02-13 17:00", 2, Unit.WORK_HOUR, "2026-02-14 09:00"),
        ("2026-02-14 17:00", 2, Unit.WORK_HOUR, "2026-02-24 09:00"),
        ("2026-02-27 17:00", 1, Unit.WORK_DAY, "2026-02-28 17:00"),
        # National Day 2026: worked on Sunday 20 September and Saturday 10 October
        ("2026-09-18 17:00", 2, Unit.WORK_HOUR, "2026-09-20 09:00"),
        ("2026-09-30 17:00", 2, Unit.WORK_HOUR, "2026-10-08 09:00"),
        ("2026-10-09 17:00", 2, Unit.WORK_HOUR, "2026-10-10 09:00"),
        # urgent time runs through nights and holidays
        ("2026-02-14 17:00", 2, Unit.URGENT_HOUR, "2026-02-14 19:00"),
        ("2026-02-14 17:00", 3, Unit.URGENT_DAY, "2026-02-17 17:00"),
        ("2026-02-14 23:50", 15, Unit.URGENT_MINUTE, "2026-02-15 00:05"),
        # across New Year into a provisional year: weekends alone
        ("2026-12-31 17:00", 2, Unit.WORK_HOUR, "2027-01-01 09:00"),
    ],
)
def test_worked_rules(start: str, amount: int, unit: Unit, expected: str) -> None:
    assert due(beijing(start), Limit(amount, unit), HAIDIAN) == beijing(expected)


def test_make_up_workdays_of_the_pack_are_worked() -> None:
    for text in ("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"):
        day = date.fromisoformat(text)
        assert day.isoweekday() in (6, 7)
        assert HAIDIAN.works_on(day)
        morning = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
        assert used(morning, morning + timedelta(days=1), False, HAIDIAN) == timedelta(hours=8)


def test_years_without_a_published_calendar_are_provisional() -> None:
    assert not provisional(beijing("2026-11-23 10:00"), beijing("2026-12-31 18:00"), HAIDIAN)
    assert provisional(beijing("2026-12-31 10:00"), beijing("2027-01-01 09:00"), HAIDIAN)


def test_daylight_saving_moves_the_slots_not_the_limits() -> None:
    # Clocks went forward on Sunday 8 March 2026: Friday 16:00 EST and Monday 10:00 EDT are two working hours apart.
    start = datetime(2026, 3, 6, 16, 0, tzinfo=NEW_YORK)
    assert due(start, Limit(2, Unit.WORK_HOUR), NYC) == datetime(2026, 3, 9, 10, 0, tzinfo=NEW_YORK)
    # An urgent day is 24 hours, whatever the wall clock does.
    saturday = datetime(2026, 3, 7, 12, 0, tzinfo=NEW_YORK)
    assert due(saturday, Limit(1, Unit.URGENT_DAY), NYC) == datetime(2026, 3, 8, 13, 0, tzinfo=NEW_YORK)


def test_a_slot_across_the_change_is_as_long_as_it_really_was() -> None:
    for day, hours in ((8, 7), (9, 8)):
        midnight = datetime(2026, 3, day, tzinfo=NEW_YORK).astimezone(UTC)
        noon = datetime(2026, 3, day, 12, tzinfo=NEW_YORK).astimezone(UTC)
        assert used(midnight, noon, False, NIGHTS) == timedelta(hours=hours - 2)


def test_nothing_is_used_backwards_and_no_limit_ends_at_once() -> None:
    start = beijing("2026-11-23 10:00")
    assert used(start, start - timedelta(days=1), False, HAIDIAN) == timedelta(0)
    assert after(start, timedelta(0), False, HAIDIAN) == start


@pytest.mark.parametrize("slots", [(), (Slot(600, 600),), (Slot(0, 600), Slot(500, 700)), (Slot(0, 1441),)])
def test_slots_that_make_no_day_are_refused(slots: tuple[Slot, ...]) -> None:
    with pytest.raises(ValueError, match="slots"):
        Calendar("x", "UTC", slots)


starts = st.datetimes(datetime(2023, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
limits = st.builds(Limit, st.integers(1, 400), st.sampled_from(Unit))
calendars = st.sampled_from([HAIDIAN, NYC, NIGHTS])


@given(starts, limits, calendars)
def test_used_up_to_due_is_the_limit(start: datetime, limit: Limit, calendar: Calendar) -> None:
    end = due(start, limit, calendar)
    assert used(start, end, limit.unit.continuous, calendar) == limit.span(calendar)
    assert used(start, end - timedelta(microseconds=1), limit.unit.continuous, calendar) < limit.span(calendar)


@given(starts, st.timedeltas(timedelta(0), timedelta(days=40)), limits, calendars)
def test_a_later_start_is_never_due_earlier(start: datetime, by: timedelta, limit: Limit, calendar: Calendar) -> None:
    assert due(start, limit, calendar) <= due(start + by, limit, calendar)


@given(starts, limits, st.integers(0, 400), calendars)
def test_a_longer_limit_is_never_due_earlier(start: datetime, limit: Limit, more: int, calendar: Calendar) -> None:
    assert due(start, limit, calendar) <= due(start, Limit(limit.amount + more, limit.unit), calendar)


@given(starts, st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), min_size=2, max_size=2), calendars)
def test_use_adds_up(start: datetime, pieces: list[timedelta], calendar: Calendar) -> None:
    middle, end = start + pieces[0], start + pieces[0] + pieces[1]
    whole = used(start, end, False, calendar)
    assert whole == used(start, middle, False, calendar) + used(middle, end, False, calendar)
    assert whole <= end - start


def working_days(year: int) -> dict[date, timedelta]:
    """What each day of a year has of working time, by the pack's calendar."""
    days = {}
    day = date(year, 1, 1)
    while day.year == year:
        midnight = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
        days[day] = used(midnight, midnight + timedelta(days=1), False, HAIDIAN)
        day += timedelta(days=1)
    return days


@pytest.mark.parametrize("year", [2023, 2024, 2025, 2026])
def test_every_day_of_a_published_year_is_worked_as_two_other_sources_say(year: int) -> None:
    """`holidays` and `chinesecalendar` are kept by others, each from the notices of the State Council itself."""
    theirs = holidays.country_holidays("CN", years=year)
    for day, worked in working_days(year).items():
        assert worked == (timedelta(hours=8) if chinese_calendar.is_workday(day) else timedelta(0)), day
        assert (worked > timedelta(0)) == theirs.is_working_day(day), day


@pytest.mark.parametrize(
    ("start", "amount", "unit", "expected"),
    [
        # Yuncheng, manhole covers 供水井盖: missing or cracked, broken, rattling, sunken
        ("2026-09-30 17:30", 2, Unit.URGENT_HOUR, "2026-09-30 19:30"),
        ("2026-09-30 17:30", 4, Unit.WORK_HOUR, "2026-10-08 11:30"),
        ("2026-09-30 17:30", 2, Unit.WORK_DAY, "2026-10-09 17:30"),
        ("2026-09-30 17:30", 5, Unit.WORK_DAY, "2026-10-13 17:30"),
        # Taiyuan: three street lights out, one working day; over the Spring Festival
        ("2026-02-14 09:00", 1, Unit.WORK_DAY, "2026-02-24 09:00"),
        # urgent time over the whole festival, and over midnight of the year
        ("2026-02-14 18:00", 10, Unit.URGENT_DAY, "2026-02-24 18:00"),
        ("2026-12-31 23:30", 1, Unit.URGENT_HOUR, "2027-01-01 00:30"),
        # the last instant of a slot is its end, not the start of the next one
        ("2026-11-23 14:00", 4, Unit.WORK_HOUR, "2026-11-23 18:00"),
        ("2026-11-23 18:00", 1, Unit.WORK_MINUTE, "2026-11-24 08:01"),
        ("2026-11-27 18:00", 1, Unit.WORK_DAY, "2026-11-30 18:00"),
    ],
)
def test_limits_of_the_trade(start: str, amount: int, unit: Unit, expected: str) -> None:
    assert due(beijing(start), Limit(amount, unit), HAIDIAN) == beijing(expected)


def test_a_slot_that_ends_at_midnight_joins_the_one_that_begins_there() -> None:
    always = Calendar("always", "Asia/Shanghai", (Slot(0, 1440),), weekend=frozenset())
    start = beijing("2026-12-31 23:59")
    assert due(start, Limit(2, Unit.WORK_MINUTE), always) == beijing("2027-01-01 00:01")
    evening = Calendar("evening", "Asia/Shanghai", (Slot(1200, 1440),), weekend=frozenset())
    assert due(beijing("2026-11-23 22:00"), Limit(4, Unit.WORK_HOUR), evening) == beijing("2026-11-24 22:00")
    assert due(beijing("2026-11-23 22:00"), Limit(2, Unit.WORK_HOUR), evening) == beijing("2026-11-24 00:00")


def test_kept_years_are_counted_as_they_were() -> None:
    old = Calendar("old", "Asia/Shanghai", (Slot(480, 1080),), published=frozenset({2026}), edition=1)
    off = frozenset({date(2026, 12, 31), date(2027, 1, 1)})
    new = Calendar("new", "Asia/Shanghai", (Slot(540, 1080),), off, published=frozenset({2026, 2027}), edition=2)
    both = kept_by(old, new)
    assert (both.version, both.published, both.edition) == ("new/old", frozenset({2026, 2027}), 2)
    assert due(beijing("2026-12-31 08:00"), Limit(11, Unit.WORK_HOUR), both) == beijing("2027-01-04 10:00")
    assert kept_by(old, new) is both, "its year tables are its own"
    assert kept_by(old, old) is old
    third = Calendar("third", "Asia/Shanghai", (Slot(0, 60),), published=frozenset({2026, 2027, 2028}), edition=3)
    three = kept_by(both, third)
    assert three.version == "third/new/old"
    assert used(beijing("2026-12-31 08:00"), beijing("2027-01-04 10:00"), False, three) == timedelta(hours=11)
    assert used(beijing("2028-01-04 00:00"), beijing("2028-01-05 00:00"), False, three) == timedelta(hours=1)


def test_a_later_version_that_says_the_same_of_old_years_needs_no_second_name() -> None:
    old = Calendar("old", "Asia/Shanghai", (Slot(480, 1080),), published=frozenset({2026}))
    new = Calendar("new", "Asia/Shanghai", (Slot(480, 1080),), published=frozenset({2026, 2027}))
    assert kept_by(old, new) is new
