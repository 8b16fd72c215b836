"""Periods 周期: how people name the time a score is about, and the instants it runs from and to."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

from shared.kernel.errors import FieldError, Invalid

_FORM = re.compile(
    r"(?P<year>[0-9]{4})"
    r"(-(H(?P<half>[12])|Q(?P<quarter>[1-4])|W(?P<week>[0-9]{2})|(?P<month>[0-9]{2})(-(?P<day>[0-9]{2}))?))?"
)
FORMS = "2026, 2026-H2, 2026-Q4, 2026-11, 2026-W47 or 2026-11-23"


Cohort = Literal["filed", "reported"]
"""Whose period it is: the cases filed 立案 in it, or those reported 上报 in it."""


class BadPeriod(Invalid):
    slug, title, title_zh = "bad-period", "Not a period", "周期无效"


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to, not including, `end`: local midnights of the city, as instants."""

    name: str
    start: datetime
    end: datetime


def parse_period(text: str, zone: tzinfo) -> Period:
    """Year, half-year, quarter, month, ISO week (Monday to Sunday) or day. Raises BadPeriod."""
    match = _FORM.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        first, last = _days(match.groupdict())
        return Period(text, _midnight(first, zone), _midnight(last, zone))
    except (ValueError, OverflowError):
        raise BadPeriod(
            f"{text[:40]!r} is no period; write one as {FORMS}",
            errors=[FieldError("?period", f"one of the forms {FORMS}")],
        ) from None


def month_of(at: datetime, zone: tzinfo) -> Period:
    """The month in which `at` lies, where the city is."""
    return parse_period(at.astimezone(zone).strftime("%Y-%m"), zone)


def _days(parts: dict[str, str | None]) -> tuple[date, date]:
    year = int(parts["year"] or 0)
    if not 1970 <= year <= 9000:
        raise ValueError
    if week := parts["week"]:
        monday = date.fromisocalendar(year, int(week), 1)
        return monday, monday + timedelta(days=7)
    if (month := parts["month"]) and (day := parts["day"]):
        found = date(year, int(month), int(day))
        return found, found + timedelta(days=1)
    if month:
        return _months(year, int(month), 1)
    if quarter := parts["quarter"]:
        return _months(year, int(quarter) * 3 - 2, 3)
    if half := parts["half"]:
        return _months(year, int(half) * 6 - 5, 6)
    return _months(year, 1, 12)


def _months(year: int, month: int, count: int) -> tuple[date, date]:
    first = date(year, month, 1)
    after = month - 1 + count
    return first, date(year + after // 12, after % 12 + 1, 1)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
