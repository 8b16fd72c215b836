"""A history file, row by row: CSV or NDJSON, plain or gzip. Never all of it in memory."""

import codecs
import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, cast

import orjson

from services.dispatch.history.columns import COLUMNS, ERROR_COLUMNS, REQUIRED
from shared.kernel.errors import Malformed

_CHUNK = 1 << 20
# A cell longer than this is a quote that was never closed.
_LONGEST_CELL = 1 << 20
_KINDS: Mapping[str, Literal["csv", "ndjson"]] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_DAMAGE = (gzip.BadGzipFile, EOFError, zlib.error)


class BadHistoryFile(Malformed):
    slug, title, title_zh = "bad-history-file", "Not a history file", "历史案卷文件无效"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was looked through once. `sha256` is of its content, unpacked; `header` are its columns without
    those that tell of errors; `lines` includes the header's.
    """

    path: Path
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


def inspect(path: Path) -> Source:
    """Look through the whole file once: it is what its ending says, all of it is UTF-8, its columns are known.

    Takes 2 s for a million rows. Raises BadHistoryFile, OSError.
    """
    kind = _KINDS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
    if kind is None:
        raise BadHistoryFile(f"{path}: the ending says what a file is: .csv, .ndjson or .jsonl, each also with .gz")
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
        raise BadHistoryFile(
            f"{path}: line {line} is not UTF-8; convert the file first: iconv -f GB18030 -t UTF-8 {path.name}"
        ) from None
    except _DAMAGE as error:
        raise BadHistoryFile(f"{path} is not a whole gzip file ({error})") from None
    header = _header(path) if kind == "csv" else COLUMNS
    return Source(path, kind, digest.hexdigest(), lines + (not last.endswith(b"\n")), header)


def rows(source: Source) -> Iterator[RawRow]:
    """Every row; blank lines are none."""
    with _text(source.path) as file:
        yield from _csv_rows(file) if source.kind == "csv" else _json_rows(file)


@contextmanager
def _bytes(path: Path) -> Iterator[IO[bytes]]:
    zipped = path.name.lower().endswith(".gz")
    with gzip.open(path, "rb") if zipped else path.open("rb") as file:
        yield cast(IO[bytes], file)


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    with _bytes(path) as file:
        yield io.TextIOWrapper(io.BufferedReader(cast(Any, file), _CHUNK), encoding="utf-8-sig", newline="")


def _header(path: Path) -> tuple[str, ...]:
    with _text(path) as file:
        found = [name.strip() for name in next(csv.reader(file), [])]
    unknown = [name for name in found if name not in COLUMNS and name not in ERROR_COLUMNS]
    missing = [name for name in REQUIRED if name not in found]
    twice = sorted({name for name in found if found.count(name) > 1})
    said = [
        f"{what}: {', '.join(repr(name) for name in names)}"
        for what, names in (("unknown columns", unknown), ("missing columns", missing), ("columns given twice", twice))
        if names
    ]
    if said:
        raise BadHistoryFile(
            f"{path}: the first line must name the columns. {'; '.join(said)}. "
            "`wangge history template` prints all that there are"
        )
    return tuple(name for name in found if name not in ERROR_COLUMNS)


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


def _csv_rows(file: Iterable[str]) -> Iterator[RawRow]:
    csv.field_size_limit(_LONGEST_CELL)
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    header = [name.strip() for name in next(reader)]
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
            yield RawRow(
                line, {name: cell for name, cell in zip(header, map(str.strip, cells), strict=True) if cell}, ""
            )
        line += len(taken)


def _json_rows(file: Iterable[str]) -> Iterator[RawRow]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        raw = text.rstrip("\r\n")
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            yield RawRow(line, {}, raw, f"not JSON: {error}")
            continue
        values, trouble = _members(found)
        yield RawRow(line, values, raw, trouble)


def _members(found: object) -> tuple[dict[str, str], str]:
    """An object's members as the cells of a CSV row would be; null is an empty cell."""
    if not isinstance(found, dict):
        return {}, "not a JSON object"
    values: dict[str, str] = {}
    for name, value in found.items():
        if name not in COLUMNS and name not in ERROR_COLUMNS:
            return {}, f"unknown field {name!r}"
        if isinstance(value, bool):
            values[name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            if text := str(value).strip():
                values[name] = text
        elif value is not None:
            return {}, f"{name} must be a text, a number, true, false or null"
    return values, ""
