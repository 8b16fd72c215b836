"""The file of rows that were refused: what is wrong with each, what would be right, and the row itself.

It can be mended and imported like the file it came from. Its rows are on the disk before the database says that they
are settled; an import that goes on cuts off what was written after that.
"""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shared.imports.reading import ERROR_COLUMNS, Source

_UTF8_MARK = "\ufeff"


class Refused:
    """Made with its first row: no file, no refused rows."""

    def __init__(self, path: Path, header: bytes, length: int) -> None:
        self.length = length
        self._path = path
        self._header = header
        self._file: BinaryIO | None = None
        if length:
            self._file = path.open("r+b")
            self._file.truncate(length)
            self._file.seek(length)

    def write(self, lines: bytes) -> None:
        """Durable when this returns."""
        if not lines:
            return
        if self._file is None:
            self._file = self._path.open("wb")
            lines = self._header + lines
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.length += len(lines)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def errors_header(source: Source) -> bytes:
    """The first line of the file of refused rows; it opens in a spreadsheet."""
    return _UTF8_MARK.encode() + lines_of_csv([[*ERROR_COLUMNS, *source.header]])


def lines_of_csv(table: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue().encode()


def is_whole(path: Path, length: int) -> bool:
    """Whether the file still has all that was settled."""
    return length == 0 or (path.exists() and path.stat().st_size >= length)


def put_aside(path: Path) -> None:
    """Keep the file of an earlier import, which somebody may be mending, under another name: `….bak`."""
    if path.exists():
        path.replace(path.with_name(f"{path.name}.bak"))


@contextmanager
def refused_rows(path: Path, header: bytes, length: int) -> Iterator[Refused]:
    """The file, of which `length` bytes are settled."""
    refused = Refused(path, header, length)
    try:
        yield refused
    finally:
        refused.close()
