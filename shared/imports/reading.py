"""A file of rows, one by one: CSV or NDJSON, plain or gzip. Never all of it in memory."""

import codecs
import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

import orjson

from shared.kernel.errors import Malformed

# What a file of refused rows has before the row itself. An import passes over them, so that the file can be mended and
# given again; `error_raw` holds a row that could not be taken apart into columns.
ERROR_COLUMNS = ("error_line", "error_field", "error_why", "error_right", "error_raw")

_CHUNK = 1 << 20
# A cell longer than this is a quote that was never closed.
_LONGEST_CELL = 1 << 20
_KINDS: Mapping[str, Literal["csv", "ndjson"]] = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".geojsonl": "ndjson",
}
_DAMAGE = (gzip.BadGzipFile, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Format:
    """What a kind of file may hold. It goes to another process, so its functions and classes are found by name.

    `refusal` is raised for a file of which nothing can be taken, `template` the command that prints all columns.
    `aliases` are other names of columns; an empty one is passed over. A column that begins with `own` is the file's
    own. `flat` makes a JSON object of whatever shape one member a column; it raises ValueError with what is wrong.
    """

    columns: tuple[str, ...]
    required: tuple[str, ...]
    refusal: type[Malformed]
    template: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    own: str | None = None
    flat: Callable[[object], object] | None = None

    def column(self, name: str) -> str | None:
        """The column that `name` in a header stands for; empty: one to pass over; None: an unknown one."""
        if name in self.columns or (self.own is not None and name.startswith(self.own) and name != self.own):
            return name
        return "" if name in ERROR_COLUMNS else self.aliases.get(name)


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was looked through once. `sha256` is of its content, unpacked; `header` are its columns without
    those that tell of errors; `lines` includes the header's.
    """

    path: Path
    format: Format
    kind: Literal["csv", "ndjson"]
    sha256: str
    lines: int
    header: tuple[str, ...]


class RawRow(NamedTuple):
    """A row as it stands in the file: its values by column, without blanks around them and without those that are
    empty; or, where it cannot be taken apart, `trouble` says why.

    `line` is the first of its lines, counted from 1; `raw` is its text.
    """

    line: int
    values: dict[str, str]
    raw: str
    trouble: str = ""


def inspect(path: Path, form: Format) -> Source:
    """Look through the whole file once: it is what its ending says, all of it is UTF-8, its columns are known.

    Takes 2 s for a million rows. Raises the format's refusal, OSError.
    """
    kind = _KINDS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if kind is None:
        raise form.refusal(f"{path}: the ending says what a file is: .csv, .ndjson or .jsonl, each also with .gz")
    digest, decoder, lines, last = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), 0, b"\n"
    try:
        with _bytes(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                decoder.decode(chunk)
                lines, last = lines + chunk.count(b"\n"), chunk
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line = lines + 1 + error.object[: error.start].count(b"\n")
        raise form.refusal(
            f"{path}: line {line} is not UTF-8; convert the file first: iconv -f GB18030 -t UTF-8 {path.name}"
        ) from None
    except _DAMAGE as error:
        raise form.refusal(f"{path} is not a whole gzip file ({error})") from None
    header = _header(path, form) if kind == "csv" else form.columns
    return Source(path, form, kind, digest.hexdigest(), lines + (not last.endswith(b"\n")), header)


def rows(source: Source) -> Iterator[RawRow]:
    """Every row; blank lines are none."""
    with _text(source.path) as file:
        yield from _csv_rows(file, source.format) if source.kind == "csv" else _json_rows(file, source.format)


@contextmanager
def _bytes(path: Path) -> Iterator[IO[bytes]]:
    zipped = path.name.lower().endswith(".gz")
    with gzip.open(path, "rb") if zipped else path.open("rb") as file:
        yield cast(IO[bytes], file)


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    with _bytes(path) as file:
        yield io.TextIOWrapper(io.BufferedReader(cast(Any, file), _CHUNK), encoding="utf-8-sig", newline="")


def _header(path: Path, form: Format) -> tuple[str, ...]:
    with _text(path) as file:
        given = [name.strip() for name in next(csv.reader(file), [])]
    found = [form.column(name) for name in given]
    columns = [name for name in found if name]
    unknown = [name for name, column in zip(given, found, strict=True) if column is None]
    missing = [name for name in form.required if name not in columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    said = [
        f"{what}: {', '.join(repr(name) for name in names)}"
        for what, names in (("unknown columns", unknown), ("missing columns", missing), ("columns given twice", twice))
        if names
    ]
    if said:
        raise form.refusal(
            f"{path}: the first line must name the columns. {'; '.join(said)}. "
            f"`{form.template}` prints all that there are"
        )
    return tuple(columns)


class _Lines:
    """Lines of a file, those since the last `taken()` remembered."""

    def __init__(self, file: Iterable[str]) -> None:
        self._file = iter(file)
        self._since: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self._since.append(line)
        return line

    def taken(self) -> list[str]:
        taken, self._since = self._since, []
        return taken


def _csv_rows(file: Iterable[str], form: Format) -> Iterator[RawRow]:
    csv.field_size_limit(_LONGEST_CELL)
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    header = [form.column(name.strip()) or "" for name in next(reader)]
    line = len(lines.taken()) + 1
    while True:
        cells, trouble = [], ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            trouble = f"not CSV: {error}"
        taken = lines.taken()
        if trouble or (cells and len(cells) != len(header)):
            trouble = trouble or f"{len(cells)} cells; the header has {len(header)}"
            yield RawRow(line, {}, "".join(taken).rstrip("\r\n"), trouble)
        elif cells:
            values = {name: cell for name, cell in zip(header, map(str.strip, cells), strict=True) if cell}
            values.pop("", None)
            yield RawRow(line, values, "")
        line += len(taken)


def _json_rows(file: Iterable[str], form: Format) -> Iterator[RawRow]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        raw = text.rstrip("\r\n")
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            yield RawRow(line, {}, raw, f"not JSON: {error}")
            continue
        values, trouble = _members(found, form)
        yield RawRow(line, values, raw, trouble)


def _members(found: object, form: Format) -> tuple[dict[str, str], str]:
    """An object's members as the cells of a CSV row would be; null is an empty cell."""
    if form.flat is not None:
        try:
            found = form.flat(found)
        except ValueError as error:
            return {}, str(error)
    if not isinstance(found, dict):
        return {}, "not a JSON object"
    values: dict[str, str] = {}
    for given, value in found.items():
        name = form.column(given)
        if name is None:
            return {}, f"unknown field {given!r}"
        if isinstance(value, bool):
            values[name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            if text := str(value).strip():
                values[name] = text
        elif value is not None:
            return {}, f"{given} must be a text, a number, true, false or null"
    values.pop("", None)
    return values, ""
