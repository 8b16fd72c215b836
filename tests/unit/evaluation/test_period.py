from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.domain.period import BadPeriod, month_of, parse_period

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-H1", "2026-01-01", "2026-07-01"),
        ("2026-H2", "2026-07-01", "2027-01-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026-11", "2026-11-01", "2026-12-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2026-W47", "2026-11-16", "2026-11-23"),
        ("2026-W53", "2026-12-28", "2027-01-04"),
        ("2026-11-23", "2026-11-23", "2026-11-24"),
        ("2028-02-29", "2028-02-29", "2028-03-01"),
    ],
)
def test_a_period_runs_from_midnight_to_midnight_where_the_city_is(name: str, start: str, end: str) -> None:
    period = parse_period(name, SHANGHAI)
    assert period.start == datetime.fromisoformat(f"{start}T00:00:00+08:00")
    assert period.end == datetime.fromisoformat(f"{end}T00:00:00+08:00")


def test_daylight_saving_makes_days_of_23_and_25_hours() -> None:
    spring, autumn = parse_period("2026-03-08", NEW_YORK), parse_period("2026-11-01", NEW_YORK)
    assert spring.end - spring.start == timedelta(hours=23)
    assert autumn.end - autumn.start == timedelta(hours=25)


@pytest.mark.parametrize(
    "text",
    ["", "26", "2026-", "2026-13", "2026-00", "2026-Q5", "2026-Q0", "2026-H3", "2026-W00", "2027-W53", "2026-02-29",
     "2026-11-31", "2026-11-23T00:00", "２０２６", "1066", "9999", " 2026", "2026\n", "november", "2026-11\x00"],
)  # fmt: skip
def test_anything_else_is_refused_by_the_name_of_its_field(text: str) -> None:
    with pytest.raises(BadPeriod) as refusal:
        parse_period(text, SHANGHAI)
    assert refusal.value.errors[0].pointer == "?period"


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([SHANGHAI, NEW_YORK]),
)
def test_every_instant_lies_in_its_own_month(at: datetime, zone: ZoneInfo) -> None:
    month = month_of(at, zone)
    assert month.start <= at < month.end
