"""Checkpoints copied out of the database: a file that is only added to, one checkpoint a line."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from services.dispatch.audit.checkpoint import Checkpoint, read_shown

NAME = "checkpoints.jsonl"
_LONGEST_LINE = 4096


def last_number(folder: Path) -> int:
    """Number of the last checkpoint that the copy has; 0 without one. Raises OSError, ValueError."""
    path = folder / NAME
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return _last(file.fileno())


def append(folder: Path, checkpoints: Sequence[Checkpoint]) -> None:
    """Add those of `checkpoints` that the copy has not, on disk when this returns. Raises OSError, ValueError.

    A line that a crash cut short is taken away first. Several processes may share a folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        whole = _end_of_lines(descriptor, size)
        if whole < size:
            os.ftruncate(descriptor, whole)
        last = _last(descriptor)
        lines = [orjson.dumps(each.shown()) + b"\n" for each in checkpoints if each.number > last]
        with os.fdopen(descriptor, "ab", closefd=False) as file:
            file.writelines(lines)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def read(path: Path) -> Iterator[tuple[int, Checkpoint | None]]:
    """(line, checkpoint) of a file, or of every *.jsonl in a folder; None for a line that is none. Raises OSError."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    for name in files:
        with name.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield number, read_shown(line)
                except ValueError:
                    yield number, None


def _last(descriptor: int) -> int:
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 2 * _LONGEST_LINE, max(0, size - 2 * _LONGEST_LINE))
    lines = tail[: tail.rfind(b"\n") + 1].splitlines()
    return read_shown(lines[-1]).number if lines else 0


def _end_of_lines(descriptor: int, size: int) -> int:
    start = max(0, size - _LONGEST_LINE)
    return start + os.pread(descriptor, _LONGEST_LINE, start).rfind(b"\n") + 1
