"""Processor time of running processes, which drifts less than the clock does on a machine that others use too."""

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def seconds(pid: int) -> float:
    """User and system time of `pid` so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def family_seconds(pid: int) -> float:
    """Of `pid` and its children, those that have ended included: a Postgres and its backends."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total = sum(int(field) for field in fields[11:15]) / _TICK
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            total += seconds(int(child))
        except FileNotFoundError:
            continue
    return total


def resident_mb(pid: int) -> float:
    """Resident set size, what is shared with other processes included."""
    return _megabytes(Path(f"/proc/{pid}/smaps_rollup"), "Rss:")


def most_resident_mb(pid: int) -> float:
    """The largest that it ever was."""
    return _megabytes(Path(f"/proc/{pid}/status"), "VmHWM:")


def _megabytes(file: Path, name: str) -> float:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise ValueError(f"{file} has no {name}")
