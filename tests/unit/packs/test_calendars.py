"""Files of `wangge calendar publish`: what is wrong is said by place, what is right amends what is in force."""

from datetime import date
from pathlib import Path

import pytest

from shared.packs import load
from shared.packs.calendars import BadCalendar, amended, read_announced

NOTICE = """
version: cn-2027-1
source: a notice
published: [2027]
holidays:
  2027-01-01: {zh: 元旦, en: New Year's Day}
workdays:
  2027-01-02: {zh: 调休上班, en: make-up}
"""


def notice(tmp_path: Path, old: str = "", new: str = "") -> Path:
    assert old in NOTICE
    path = tmp_path / "2027.yaml"
    path.write_text(NOTICE.replace(old, new, 1) if old else NOTICE + new, encoding="utf-8")
    return path


def test_a_years_days_take_the_place_of_what_was_said_of_it(tmp_path: Path) -> None:
    base = load("haidian").calendar
    once = amended(base, read_announced(notice(tmp_path)))
    assert (once.version, once.published) == ("cn-2027-1", base.published | {2027})
    assert (once.slots, once.weekdays) == (base.slots, base.weekdays)
    assert once.holidays.keys() - base.holidays.keys() == {date(2027, 1, 1)}
    moved = notice(tmp_path, "2027-01-01", "2027-01-04")
    twice = amended(once, read_announced(moved))
    assert date(2027, 1, 1) not in twice.holidays
    assert date(2027, 1, 4) in twice.holidays
    assert base.holidays.items() <= twice.holidays.items()


def test_hours_may_change_with_it(tmp_path: Path) -> None:
    later = notice(tmp_path, new='slots: [{start: "09:00", end: "24:00"}]\nweekdays: [1, 2, 3, 4, 5, 6]\n')
    calendar = amended(load("haidian").calendar, read_announced(later))
    assert [slot.minutes for slot in calendar.slots] == [(540, 1440)]
    assert calendar.weekdays == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("version: cn-2027-1\n", "", "2027.yaml /version: field required"),
        ("source: a notice\n", "", "2027.yaml /source: field required"),
        ("[2027]", "[]", "2027.yaml /published: "),
        ("[2027]", "2027", "2027.yaml /published: "),
        ("2027-01-01:", "2027-13-01:", "cannot be read: month must be"),
        ("published", "publishd", "2027.yaml /publishd: no such field"),
        ("{zh: 元旦, en: New Year's Day}", "元旦", "2027.yaml /holidays/2027-01-01: input should be"),
        ("version: cn-2027-1", "version: [", "2027.yaml line "),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path: Path, old: str, new: str, finding: str) -> None:
    with pytest.raises(BadCalendar) as bad:
        read_announced(notice(tmp_path, old, new))
    assert finding in bad.value.detail


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("2027-01-02:", "2028-01-02:", "days of 2028 are listed, but not that year"),
        ("2027-01-02:", "2027-01-01:", "2027-01-01 is listed both as a holiday and as a working day"),
    ],
)
def test_says_what_makes_no_calendar(tmp_path: Path, old: str, new: str, finding: str) -> None:
    with pytest.raises(BadCalendar) as bad:
        amended(load("haidian").calendar, read_announced(notice(tmp_path, old, new)))
    assert finding in bad.value.detail


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCalendar, match=r"nowhere\.yaml: the file is missing"):
        read_announced(tmp_path / "nowhere.yaml")
