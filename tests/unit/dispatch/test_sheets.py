"""Files of units, persons and rosters, and what is said of those that are wrong."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.dispatch.domain.people import PersonFields, UnitFields, check_persons, check_units, masked
from services.dispatch.domain.register import ImportRefused
from services.dispatch.sheets import read_persons, read_roster, read_units
from shared.kernel.area import AreaPath

ZONE = ZoneInfo("Asia/Shanghai")
CITY = AreaPath("110108")


def test_a_unit_and_a_person_as_a_spreadsheet_writes_them():
    (unit,) = read_units(
        "\ufeffcode,name_zh,name_en,dept,area,valid_from\r\nlift,电梯,Lifts,housing,110108,2026-10-01\r\n".encode(),
        ZONE,
    )
    assert unit.fields == UnitFields("电梯", "Lifts", "housing", CITY, None)
    assert unit.valid_from == datetime(2026, 10, 1, tzinfo=ZONE)
    ((person, centre),) = read_persons("subject,name,post,phone,area\nli,李,dispatcher,138 0000 0001,\n".encode(), ZONE)
    assert person.fields == PersonFields("李", "138 0000 0001", "dispatcher", None, AreaPath.root())
    assert centre is None


def test_a_row_of_a_roster():
    text = (
        "area,a,b,weekdays,hours,absent_a\n110108.012,wang,li,周一-周五,20:00-08:00,2026-10-01/2026-10-03;2026-10-08\n"
    )
    ((line, row),) = read_roster(text.encode())
    assert (line, row.weekdays, row.from_minute, row.until_minute) == (2, frozenset({1, 2, 3, 4, 5}), 1200, 480)
    assert row.absent_a == {date(2026, 10, day) for day in (1, 2, 3, 8)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff\xfe", "UTF-8"),
        (b"code,name_zh\n", "columns missing: name_en, dept, area"),
        (b"code,name_zh,name_en,dept,area,colour\n", "unknown columns: 'colour'"),
        (b"code,name_zh,name_en,dept,area,area\n", "twice"),
        (b"code,name_zh,name_en,dept,area\n", "no rows"),
        (b"code,name_zh,name_en,dept,area\nu,a,b,c,110108,more\n", "line 2: more cells"),
        (b"code,name_zh,name_en,dept,area\nu v,a,b,c,110108\n", "line 2, code"),
        (b"code,name_zh,name_en,dept,area\nu,,b,c,110108\n", "line 2, name_zh: missing"),
        (b"code,name_zh,name_en,dept,area\nu,a,b,c,1..2\n", "line 2, area"),
        (
            b"code,name_zh,name_en,dept,area,valid_from\nu,a,b,c,,tomorrow\n",
            "line 2, valid_from: 'tomorrow' is no time",
        ),
        (b'code,name_zh,name_en,dept,area\n"u,a,b,c,110108\n', "not CSV"),
        (b"code,name_zh,name_en,dept,area\nu,\x00,b,c,110108\n", "U+0000"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(text, said):
    with pytest.raises(ImportRefused) as refused:
        read_units(text, ZONE)
    assert said in refused.value.detail


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ("wang,,8-9,,,", "weekdays"),
        ("wang,,5-1,,,", "weekdays"),
        ("wang,,,8:00,,", "hours"),
        ("wang,,,08:00-08:00,,", "hours"),
        ("wang,,,,2026-02-30,", "from_day"),
        ("wang,,,,,2026-10-07/2026-10-01", "absent_a"),
        (",,,,,", "a"),
    ],
)
def test_a_roster_cell_that_cannot_be_read_is_named(cells, column):
    text = f"area,a,b,weekdays,hours,from_day,absent_a\n110108.012,{cells}\n"
    with pytest.raises(ImportRefused) as refused:
        read_roster(text.encode())
    assert [error.pointer for error in refused.value.errors] == [f"line 2, {column}"]


def persons(text: str):
    return read_persons(f"subject,name,post,centre,unit,area\n{text}".encode(), ZONE)


@pytest.mark.parametrize(
    ("rows", "where", "said"),
    [
        ("li,李,emperor,,,\n", "line 2, post", "no post"),
        ("li,李,dispatcher,supervision,,\n", "line 2, centre", "one centre"),
        ("li,李,unit_clerk,,,\n", "line 2, unit", "missing"),
        ("li,李,unit_clerk,,nowhere,\n", "line 2, unit", "units import"),
        ("li,李,dispatcher,,drainage,\n", "line 2, unit", "must be empty"),
        ("li,李,dispatcher,,,110105\n", "line 2, area", "outside"),
    ],
)
def test_a_person_who_cannot_be_is_named_with_what_would_be_right(rows, where, said):
    (found,) = check_persons(persons(rows), {"drainage"}, CITY)
    assert found.where == where
    assert said in found.message


def test_nobody_holds_two_centres():
    found = check_persons(persons("li,李,dispatcher,,,\nli,李,acceptor,,,\n"), set(), CITY)
    assert [finding.where for finding in found] == ["line 2, post", "line 3, post"]
    assert "command and supervision" in found[0].message


def test_a_unit_needs_a_department_of_the_pack_and_an_area_of_the_city():
    given = read_units(b"code,name_zh,name_en,dept,area\nu,a,b,magic,110105\n", ZONE)
    assert [finding.where for finding in check_units(given, {"housing"}, CITY)] == ["line 2, dept", "line 2, area"]


@pytest.mark.parametrize(("phone", "shown"), [(None, None), ("13800000001", "138******01"), ("12345", "*****")])
def test_telephone_numbers_are_masked(phone, shown):
    assert masked(phone) == shown
