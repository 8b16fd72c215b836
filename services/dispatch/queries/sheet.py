"""Cases as rows of a sheet: which columns, in both languages, and as CSV or XLSX."""

import csv
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import IO, Any, NamedTuple, TypeAlias, cast
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.exceptions import XlsxWriterException  # type: ignore[import-untyped]

from services.dispatch.domain import words
from services.dispatch.domain.case import Status

Cell: TypeAlias = str | float | datetime | None

# What a spreadsheet would take for a formula (OWASP, CSV injection), the full-width forms too.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_BOM = "\ufeff"
# Excel takes no more in a cell.
_CELL_CHARACTERS = 32_767
# Held in memory before it goes to disk.
_SPOOLED_BYTES = 4 << 20
_TIME = "%Y-%m-%d %H:%M:%S"


class Names(NamedTuple):
    """What codes mean: `category` and `unit` give the names of a code, None for one that the pack does not know."""

    category: Callable[[str], str | None]
    unit: Callable[[str], str | None]


class _Column(NamedTuple):
    head: str
    cell: Callable[[Mapping[str, Any], Names], Cell]


def _text(name: str) -> Callable[[Mapping[str, Any], Names], Cell]:
    def cell(row: Mapping[str, Any], names: Names) -> Cell:
        value = row[name]
        return value if value is None or isinstance(value, float | datetime) else str(value)

    return cell


def _said(name: str) -> Callable[[Mapping[str, Any], Names], Cell]:
    return lambda row, names: {True: "是 yes", False: "否 no", None: None}[row[name]]


_VERIFIED = {"true": "属实 true", "false": "不属实 false", "not_found": "未找到 not found"}
COLUMNS: Sequence[_Column] = (
    _Column("案卷号 Number", _text("number")),
    _Column("状态 Status", lambda row, names: words.status(Status(row["status"]))),
    _Column("类别代码 Category code", _text("category")),
    _Column("类别 Category", lambda row, names: names.category(row["category"])),
    _Column("立案条件 Condition", _text("condition")),
    _Column("区域 Area", _text("area")),
    _Column("经度 Longitude", _text("lon")),
    _Column("纬度 Latitude", _text("lat")),
    _Column("问题描述 Description", _text("description")),
    _Column("来源 Source", _text("source")),
    _Column("处置单位代码 Unit code", _text("unit")),
    _Column("处置单位 Unit", lambda row, names: names.unit(row["unit"]) if row["unit"] else None),
    _Column("协办单位 Assisting units", _text("assisting")),
    _Column("发生时间 Occurred at", _text("occurred_at")),
    _Column("上报时间 Opened at", _text("opened_at")),
    _Column("处置截止 Due at", _text("due_at")),
    _Column("办结时间 Ended at", _text("ended_at")),
    _Column("超期 Overdue", _said("overdue")),
    _Column("处置结果 Result", _text("result")),
    _Column("核实 Verified", lambda row, names: _VERIFIED.get(row["verified"] or "")),
    _Column("核查通过 Check passed", _said("passed")),
    _Column("标识 Id", _text("id")),
    _Column("上报标识 Reports", _text("reports")),
)


class Sheet:
    """Rows of cases as cells, their times in `zone`."""

    def __init__(self, zone: ZoneInfo, names: Names) -> None:
        self._zone, self._names = zone, names

    @property
    def heads(self) -> list[str]:
        return [f"{c.head} ({self._zone.key})" if c.head.endswith(" at") else c.head for c in COLUMNS]

    def cells(self, row: Mapping[str, Any]) -> list[Cell]:
        found = (column.cell(row, self._names) for column in COLUMNS)
        return [cell.astimezone(self._zone) if isinstance(cell, datetime) else cell for cell in found]


def csv_head(sheet: Sheet) -> bytes:
    """The first line, after the mark by which Excel knows UTF-8."""
    return (_BOM + _lines([sheet.heads])).encode()


def csv_lines(sheet: Sheet, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A line for each case (RFC 4180). Text that a spreadsheet would take for a formula has an apostrophe before it."""
    return _lines([[_csv_cell(cell) for cell in sheet.cells(row)] for row in rows]).encode()


def _csv_cell(cell: Cell) -> object:
    if isinstance(cell, datetime):
        return cell.strftime(_TIME)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _lines(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


class Book:
    """An XLSX file that is written row by row, with the memory of one row; not to be used by two threads at once."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._file: IO[bytes] = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=_SPOOLED_BYTES))  # noqa: SIM115
        self._book = Workbook(self._file, {"constant_memory": True})
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._page = self._book.add_worksheet("案卷 Cases")
        self._page.freeze_panes(1, 0)
        self._row = 0
        self._write(sheet.heads)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            self._write(self._sheet.cells(row))

    def _write(self, cells: Sequence[Cell]) -> None:
        for column, cell in enumerate(cells):
            if isinstance(cell, datetime):
                self._page.write_datetime(self._row, column, cell.replace(tzinfo=None), self._time)
            elif isinstance(cell, str):  # never as a formula or a link, whatever it begins with
                self._page.write_string(self._row, column, cell[:_CELL_CHARACTERS])
            elif cell is not None:
                self._page.write_number(self._row, column, cell)
        self._row += 1

    def finished(self) -> IO[bytes]:
        """The whole file, to be read from its beginning and closed."""
        self._book.close()
        self._file.seek(0)
        return self._file

    def drop(self) -> None:
        """Give up what was written: the files that it was kept in go."""
        with suppress(XlsxWriterException, OSError):
            self._book.close()
        self._file.close()
