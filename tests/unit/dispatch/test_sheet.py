"""Sheets: both languages, the city's time, and no formula of somebody else's."""

import csv
import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook  # type: ignore[import-untyped]

from services.dispatch.queries.sheet import COLUMNS, Book, Names, Sheet, csv_head, csv_lines

SHEET = Sheet(
    ZoneInfo("Asia/Shanghai"), Names({"01003": "雨水井盖 Storm drain cover"}.get, {"water": "水务 Water"}.get)
)


def row(**fields: Any) -> dict[str, Any]:
    return {
        "number": "YC20261125000001",
        "status": "closed",
        "category": "01003",
        "condition": "damaged",
        "area": "110108.012",
        "lon": -73.9,
        "lat": 40.7,
        "description": "井盖破损",
        "source": "app",
        "unit": "water",
        "assisting": "",
        "occurred_at": None,
        "opened_at": datetime(2026, 11, 25, 16, 30, tzinfo=UTC),
        "due_at": None,
        "ended_at": None,
        "overdue": True,
        "warned": False,
        "result": None,
        "verified": "true",
        "passed": None,
        "id": UUID(int=1),
        "reports": str(UUID(int=2)),
    } | fields


def told(**fields: Any) -> dict[str, str]:
    text = (csv_head(SHEET) + csv_lines(SHEET, [row(**fields)])).decode("utf-8-sig")
    head, line = csv.reader(io.StringIO(text, newline=""))
    return dict(zip(head, line, strict=True))


def test_a_line_says_it_in_both_languages_and_in_the_citys_time() -> None:
    line = told()
    assert line["状态 Status"] == "closed 已结案"
    assert line["类别 Category"] == "雨水井盖 Storm drain cover"
    assert line["上报时间 Opened at (Asia/Shanghai)"] == "2026-11-26 00:30:00"
    assert (line["超期 Overdue"], line["核查通过 Check passed"], line["核实 Verified"]) == ("是 yes", "", "属实 true")
    assert line["经度 Longitude"] == "-73.9"


def test_excel_knows_the_encoding_and_the_ends_of_lines() -> None:
    assert csv_head(SHEET).startswith(b"\xef\xbb\xbf")
    assert csv_lines(SHEET, [row()]).endswith(b"\r\n")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"])
def test_text_that_would_be_a_formula_is_disarmed(start: str) -> None:
    evil = f"{start}cmd|'/C calc'!A0"
    assert told(description=evil)["问题描述 Description"] == f"'{evil}"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_no_cell_of_text_begins_a_formula(text: str) -> None:
    cell = told(description=text, result=text)["问题描述 Description"]
    assert cell in (text, f"'{text}")
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_an_xlsx_has_the_same_cells_and_text_stays_text() -> None:
    book = Book(SHEET)
    book.add([row(description="=1+1", result="http://example.org"), row(description="长" * 40_000)])
    with book.finished() as file:
        page = load_workbook(file).active
    assert page is not None
    heads, first, second = ([cell for cell in line] for line in page.iter_rows())
    assert [cell.value for cell in heads] == SHEET.heads
    cells = {column.head: cell for column, cell in zip(COLUMNS, first, strict=True)}
    assert cells["上报时间 Opened at"].value == datetime(2026, 11, 26, 0, 30)
    assert (cells["问题描述 Description"].value, cells["问题描述 Description"].data_type) == ("=1+1", "s")
    assert cells["处置结果 Result"].hyperlink is None
    assert cells["经度 Longitude"].value == -73.9
    assert len(str(second[8].value)) == 32_767
