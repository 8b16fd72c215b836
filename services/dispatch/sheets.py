"""CSV files of units, persons and rosters: read whole, every wrong cell named with its line and what would be right."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from services.dispatch.domain.people import PersonFields, UnitFields
from services.dispatch.domain.register import Finding, Given, ImportRefused, refuse
from services.dispatch.domain.roster import DAY_MINUTES, EVERY_DAY, Duty
from shared.kernel.area import AreaPath, BadAreaPath

T = TypeVar("T")
UNIT_COLUMNS = ("code", "name_zh", "name_en", "dept", "area")
PERSON_COLUMNS = ("subject", "name", "post")
ROSTER_COLUMNS = ("area", "a")
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,63}")
_SUBJECT = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")
_PHONE = re.compile(r"\+?[0-9][0-9 -]{1,28}[0-9]")
_DAYS = {"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}
_DAYS |= {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7}
TEXT_LONGEST = 200
ABSENT_MOST = 366


class Cell(ValueError):
    """A cell that cannot be read; the text says what would be right."""


class _Row:
    """One line: its cells, and what is wrong with them so far."""

    def __init__(self, line: int, cells: Mapping[str, str], findings: list[Finding]) -> None:
        self.line = line
        self._cells = cells
        self._findings = findings

    def read(self, column: str, parse: Callable[[str], T], empty: T | None = None, *, needed: bool = False) -> Any:
        """The cell as `parse` reads it; `empty` for an empty one, and for one that is wrong, which is noted."""
        text = (self._cells.get(column) or "").strip()
        try:
            if text:
                return parse(text)
            if needed:
                raise Cell("missing")
        except Cell as error:
            self._findings.append(Finding(f"line {self.line}, {column}", str(error)))
        return empty


def read_units(content: bytes, zone: ZoneInfo) -> list[Given]:
    """Columns code, name_zh, name_en, dept, area; may have leader, valid_from, valid_until, successor.

    Raises ImportRefused, naming each cell that cannot be read.
    """
    optional = ("leader", "valid_from", "valid_until", "successor")
    given, findings = [], list[Finding]()
    for row in _rows(content, UNIT_COLUMNS, optional, findings):
        key = row.read("code", _code, "", needed=True)
        names = (row.read("name_zh", _text, "", needed=True), row.read("name_en", _text, "", needed=True))
        place = (row.read("dept", _code, "", needed=True), row.read("area", _area, AreaPath.root()))
        fields = UnitFields(*names, *place, row.read("leader", _subject))
        given.append(_given(row, key, fields, zone))
    return _all(given, findings)


def read_persons(content: bytes, zone: ZoneInfo) -> list[tuple[Given, str | None]]:
    """Columns subject, name, post; may have phone, centre, unit, area, valid_from, valid_until, successor.

    Each row comes with the centre that it states. Raises ImportRefused, naming each cell that cannot be read.
    """
    optional = ("phone", "centre", "unit", "area", "valid_from", "valid_until", "successor")
    given, findings = [], list[Finding]()
    for row in _rows(content, PERSON_COLUMNS, optional, findings):
        key = row.read("subject", _subject, "", needed=True)
        name, phone = row.read("name", _text, "", needed=True), row.read("phone", _phone)
        post, unit = row.read("post", _text, "", needed=True), row.read("unit", _code)
        fields = PersonFields(name, phone, post, unit, row.read("area", _area, AreaPath.root()))
        given.append((_given(row, key, fields, zone), row.read("centre", _text)))
    return _all(given, findings)


def read_roster(content: bytes) -> list[tuple[int, Duty]]:
    """Columns area, a; may have b, weekdays, hours, from_day, until_day, absent_a, absent_b. Each row with its line.

    Raises ImportRefused, naming each cell that cannot be read.
    """
    optional = ("b", "weekdays", "hours", "from_day", "until_day", "absent_a", "absent_b")
    given, findings = [], list[Finding]()
    for row in _rows(content, ROSTER_COLUMNS, optional, findings):
        begin, end = row.read("hours", _hours, (0, DAY_MINUTES))
        duty = Duty(
            row.read("area", _area, AreaPath.root()),
            row.read("a", _subject, "", needed=True),
            row.read("b", _subject),
            row.read("weekdays", _weekdays, EVERY_DAY),
            begin,
            end,
            row.read("from_day", _day),
            row.read("until_day", _day),
            row.read("absent_a", _absences, frozenset[date]()),
            row.read("absent_b", _absences, frozenset[date]()),
        )
        given.append((row.line, duty))
    return _all(given, findings)


def _rows(content: bytes, needed: Sequence[str], optional: Collection[str], findings: list[Finding]) -> Iterator[_Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused(f"the file must be UTF-8 (in a spreadsheet: CSV UTF-8): {error.reason}") from None
    if "\x00" in text:
        raise ImportRefused("the file holds the character U+0000: it is no text")
    rows = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True)
    known = (*needed, *optional)
    try:
        columns = [name.strip() for name in rows.fieldnames or ()]
        rows.fieldnames = columns
        if missing := [name for name in needed if name not in columns]:
            raise ImportRefused(f"columns missing: {', '.join(missing)}; the columns are {', '.join(known)}")
        if strange := [name for name in columns if name not in known]:
            raise ImportRefused(f"unknown columns: {', '.join(map(repr, strange))}; the columns are {', '.join(known)}")
        if len(set(columns)) < len(columns):
            raise ImportRefused(f"a column is there twice: {', '.join(columns)}")
        for cells in rows:
            if "" in cells:
                message = f"more cells than the {len(columns)} columns: put a text with commas in double quotes"
                findings.append(Finding(f"line {rows.line_num}", message))
            elif any(cell.strip() for cell in cells.values()):
                yield _Row(rows.line_num, cells, findings)
    except csv.Error as error:
        raise ImportRefused(f"line {rows.line_num}: not CSV: {error}") from None


def _all(given: list[T], findings: list[Finding]) -> list[T]:
    refuse(findings)
    if not given:
        raise ImportRefused("the file has no rows below its header")
    return given


def _given(row: _Row, key: str, fields: tuple[Any, ...], zone: ZoneInfo) -> Given:
    times = (row.read("valid_from", _instant(zone)), row.read("valid_until", _instant(zone)))
    return Given(key, fields, *times, row.read("successor", _subject), row.line)


def _text(cell: str) -> str:
    if len(cell) > TEXT_LONGEST:
        raise Cell(f"at most {TEXT_LONGEST} characters")
    return cell


def _code(cell: str) -> str:
    if not _CODE.fullmatch(cell):
        raise Cell(f"{cell[:64]!r} is no code: 1 to 64 letters, digits, '_', '.' or '-'")
    return cell


def _subject(cell: str) -> str:
    if not _SUBJECT.fullmatch(cell):
        raise Cell(f"{cell[:64]!r} is no subject: what tokens call the person, without spaces")
    return cell


def _phone(cell: str) -> str:
    if not _PHONE.fullmatch(cell):
        raise Cell("not a telephone number: digits, with spaces, '-' or a leading '+'")
    return cell


def _area(cell: str) -> AreaPath:
    try:
        return AreaPath.parse(cell)
    except BadAreaPath as error:
        raise Cell(f"{error.detail}: {error.errors[0].message}") from None


def _day(cell: str) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise Cell(f"{cell[:40]!r} is no day: 2026-10-01") from None


def _instant(zone: ZoneInfo) -> Callable[[str], datetime]:
    def parse(cell: str) -> datetime:
        try:
            found = datetime.fromisoformat(cell)
        except ValueError:
            raise Cell(f"{cell[:40]!r} is no time: 2026-10-01 (its beginning), or 2026-10-01T08:00+08:00") from None
        return found if found.tzinfo else found.replace(tzinfo=zone)

    return parse


def _weekdays(cell: str) -> frozenset[int]:
    found: set[int] = set()
    for part in re.split(r"[\s;、]+", cell.lower().replace("周", "")):
        first, _, last = part.partition("-")
        begin, end = _weekday(first), _weekday(last or first)
        if begin > end:
            raise Cell(f"{part!r} runs backwards: name the days as 6;7;1, or as two stretches")
        found.update(range(begin, end + 1))
    return frozenset(found)


def _weekday(word: str) -> int:
    number = _DAYS.get(word) or (int(word) if re.fullmatch("[1-7]", word) else None)
    if number is None:
        raise Cell(f"{word[:20]!r} is no weekday: 1-5, 6;7, mon-fri or 周一-周五 (1 is Monday)")
    return number


def _hours(cell: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", cell)
    try:
        if match is None:
            raise ValueError
        begin, end = _minute(match[1], match[2]), _minute(match[3], match[4])
    except ValueError:
        raise Cell(f"{cell[:20]!r} are no hours: 08:00-18:00, or over midnight 20:00-08:00") from None
    if begin in (DAY_MINUTES, end):
        raise Cell(f"{cell!r} is no time at all; leave it empty for the whole day")
    return begin, end


def _minute(hour: str, minute: str) -> int:
    if (hour, minute) == ("24", "00"):
        return DAY_MINUTES
    at = time(int(hour), int(minute))
    return at.hour * 60 + at.minute


def _absences(cell: str) -> frozenset[date]:
    found: set[date] = set()
    for part in re.split(r"[\s;、]+", cell):
        first, _, last = part.partition("/")
        begin, end = _day(first), _day(last or first)
        days = (end - begin).days + 1
        if not 1 <= days <= ABSENT_MOST:
            raise Cell(f"{part!r} is no stretch of 1 to {ABSENT_MOST} days: 2026-10-01/2026-10-07")
        found.update(begin + timedelta(days=n) for n in range(days))
    return frozenset(found)
