"""Registers with a history: what an import changes in one, and what it may not.

An entry is true from one instant until another, and never changed afterwards: it is ended, and another one follows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from shared.kernel.errors import Conflict, FieldError, Invalid

# A refusal names this many of what is wrong, and counts the rest.
NAMED: Final = 100


class ImportRefused(Invalid):
    """Nothing of the file was taken over. `errors` name each line and column, and what would be right."""

    slug, title, title_zh = "import-refused", "This file cannot be taken over", "导入文件未通过检查"


class StillHolding(Conflict):
    """Somebody would be left without whom work is waiting. Nothing of the file was taken over."""

    slug, title, title_zh = "still-holding", "Work is still in hand", "仍有未办结的案卷或任务"


class Finding(NamedTuple):
    """One thing that is wrong: where ("line 3, unit"), and why and what would be right."""

    where: str
    message: str


class Given(NamedTuple):
    """An entry as a file has it. Without `valid_from` it is true from now on; with `valid_until` it ends."""

    key: str
    fields: tuple[Any, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    successor: str | None
    line: int


class Entry(NamedTuple):
    """An entry as it is recorded. `valid_until` is the first instant at which it is no longer true."""

    key: str
    fields: tuple[Any, ...]
    valid_from: datetime
    valid_until: datetime | None = None
    successor: str | None = None

    def true_at(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_until is None or self.valid_until > at)


class Plan(NamedTuple):
    """What an import does: entries to add, (key, valid_from) → until when and who follows, for those to end; and how
    many lines change nothing.
    """

    added: dict[str, Entry]
    ended: dict[tuple[str, datetime], tuple[datetime, str | None]]
    unchanged: int

    def moved(self, present: Mapping[str, Entry], now: datetime) -> list[tuple[Entry, Entry | None]]:
        """Of the entries that are true before the import: (before, after) of each that is not afterwards."""
        found: list[tuple[Entry, Entry | None]] = []
        for key, before in present.items():
            until = self.ended.get((key, before.valid_from), (None, None))[0]
            after = self.added.get(key)
            if (until is not None and until <= now) or (after is not None and after.valid_from <= now):
                found.append((before, after if after is not None and after.true_at(now) else None))
        return found


def plan(last: Mapping[str, Entry], given: Sequence[Given], now: datetime) -> tuple[Plan, list[Finding]]:
    """What `given` changes in a register whose last entries are `last`, and what is wrong with it.

    `last` has for each key the entry that begins last, true or to come. A line that says what is recorded changes
    nothing; one that differs ends the entry before at its own `valid_from`; one with `valid_until` ends itself.
    """
    added: dict[str, Entry] = {}
    ended: dict[tuple[str, datetime], tuple[datetime, str | None]] = {}
    findings, unchanged, seen = [], 0, dict[str, int]()
    for row in given:
        if row.key in seen:
            findings.append(Finding(f"line {row.line}", f"{row.key} is given twice, first in line {seen[row.key]}"))
            continue
        seen[row.key] = row.line
        before = last.get(row.key)
        if _recorded(before, row):
            unchanged += 1
        elif finding := _wrong(before, row, now):
            findings.append(finding)
        elif before is not None and _goes_on(before, row, now) and before.fields == row.fields:
            assert row.valid_until is not None
            ended[before.key, before.valid_from] = (row.valid_until, row.successor)
        else:
            begins = _begins(row, now)
            if before is not None and _goes_on(before, row, now):
                ended[before.key, before.valid_from] = (begins, None)
            added[row.key] = Entry(row.key, row.fields, begins, row.valid_until, row.successor)
    return Plan(added, ended, unchanged), findings


def _recorded(before: Entry | None, row: Given) -> bool:
    return (
        before is not None
        and before.fields == row.fields
        and before.valid_until == row.valid_until
        and row.successor in (None, before.successor)
        and (row.valid_from is None or row.valid_from >= before.valid_from)
    )


def _goes_on(before: Entry, row: Given, now: datetime) -> bool:
    """Whether the entry before is still true, or to come, when this line begins."""
    return before.valid_until is None or before.valid_until > _begins(row, now)


def _begins(row: Given, now: datetime) -> datetime:
    # What ends in the past and does not say when it began is recorded as ended, without a past.
    return row.valid_from or (min(now, row.valid_until) if row.valid_until else now)


def _wrong(before: Entry | None, row: Given, now: datetime) -> Finding | None:
    begins = _begins(row, now)
    if row.valid_from and row.valid_until and row.valid_until < row.valid_from:
        return Finding(f"line {row.line}, valid_until", f"{row.valid_until} lies before valid_from, {row.valid_from}")
    if before is None:
        return None
    if before.fields != row.fields or not _goes_on(before, row, now):
        if begins > before.valid_from:
            return None
        message = f"later than {before.valid_from}, when {row.key} as recorded begins: its history stands"
        return Finding(f"line {row.line}, valid_from", message)
    if row.valid_from is not None and row.valid_from < before.valid_from:
        message = f"{row.key} is recorded since {before.valid_from}: leave valid_from empty, history is not moved"
        return Finding(f"line {row.line}, valid_from", message)
    if row.valid_until is None:
        message = (
            f"{row.key} is recorded to end at {before.valid_until}: give that; to go on, begin anew (valid_from) then"
        )
        return Finding(f"line {row.line}, valid_until", message)
    if row.valid_until < before.valid_from:
        message = f"{row.valid_until} lies before {row.key} begins, {before.valid_from}"
        return Finding(f"line {row.line}, valid_until", message)
    return None


def refuse(findings: Sequence[Finding]) -> None:
    """Raises ImportRefused if anything was found."""
    if not findings:
        return
    many = f"; {len(findings)} findings in all" if findings[3:] else ""
    raise ImportRefused(
        "; ".join(f"{finding.where}: {finding.message}" for finding in findings[:3]) + many,
        errors=[FieldError(finding.where, finding.message) for finding in findings[:NAMED]],
        facts={"findings": len(findings)},
    )
