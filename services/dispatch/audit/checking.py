"""Whether a case's timeline is as it was written: pure, of what was read in one snapshot.

Each row is checked against what may stand before it. What fails is looked at again: a row that is right under another
number was moved, a row that is right behind another one has only lost its neighbour, and anything else was edited.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.dispatch.audit.chain import (
    CHAINED,
    LENGTH,
    SEALED_LATER,
    WRITTEN,
    birth_hash,
    canonical,
    key_id,
    row_mac,
)
from services.dispatch.audit.checkpoint import Entry
from services.dispatch.audit.findings import Finding, Kind
from services.dispatch.audit.keys import AuditKey
from services.dispatch.audit.seen import CaseRow, Known, Looked, Row, head_at

_VERSION = CHAINED.index("version")
_REVISION = CHAINED.index("revision")
_STATUS = CHAINED.index("status")
# A case with more rows that fail is not searched for rows that were moved: that takes their number to the third.
_SEARCHED = 60


class _Suspect(NamedTuple):
    """A row that does not follow what stands before it; `alone`: what stood before it is not there."""

    row: Row
    key: AuditKey
    alone: bool


def check_case(
    case_id: UUID, case: CaseRow | None, rows: Sequence[Row], entries: Sequence[tuple[int, Entry]], known: Known
) -> Looked:
    """`rows` in order of version, `entries` with their checkpoints in order; both may be of a case that is gone."""
    looked = Looked(rows=len(rows))
    if case is None:
        told = [row.version for row in rows] + [entry.version for _, entry in entries]
        looked.findings.append(Finding(Kind.CASE_MISSING, case_id, to=max(told)))
        return looked
    _Check(case_id, case, rows, known, looked).run(entries)
    return looked


class _Check:
    def __init__(self, case_id: UUID, case: CaseRow, rows: Sequence[Row], known: Known, looked: Looked) -> None:
        self.case_id, self.case, self.rows, self.known, self.looked = case_id, case, rows, known, looked
        # Every mac that some row may rightly follow: the stored ones, and those computed anew.
        self.macs: set[bytes] = {row.mac for row in rows if row.mac} | {birth_hash(case.birth)}
        self.suspects: list[_Suspect] = []
        self.told: set[int] = set()  # versions that have a finding
        self.true = [row.version for row in rows]

    def run(self, entries: Sequence[tuple[int, Entry]]) -> None:
        self._walk()
        self._sort_out()
        self._gaps()
        self._against_the_case()
        self._against_checkpoints(entries)

    def _found(self, kind: Kind, **facts: Any) -> None:
        self.looked.findings.append(Finding(kind, self.case_id, self.case.birth.number, **facts))

    def _row_found(self, kind: Kind, version: int, **facts: Any) -> None:
        self.told.add(version)
        self._found(kind, version=version, **facts)

    def _walk(self) -> None:
        """Row by row, each behind the one before. `written` is what the next row written with its mac may follow;
        the first of them the birth, or what was sealed before it came.
        """
        expected, birth = 1, birth_hash(self.case.birth)
        written: set[bytes] | None = None
        before: set[bytes] = set()
        sealed: set[bytes] = set()
        for row in self.rows:
            alone, expected = row.version != expected, row.version + 1
            key = self._key(row)
            trusted = row.mac is not None and key is not None
            # A row whose mac says nothing may have been any key's; it has its finding already.
            tried = [key] if key else list(self.known.keys.values()) if row.version in self.told else []
            computed: set[bytes] = set()
            for each in tried:
                if trusted and row.kind == SEALED_LATER:
                    may = before or {birth}
                else:
                    may = {birth, *sealed} if written is None else written
                text, kind = canonical(row.columns), row.kind if trusted else WRITTEN
                computed |= {row_mac(each, previous, text, kind or WRITTEN) for previous in may}
            if row.mac in computed:
                computed = {row.mac}
            elif key is not None:
                self.suspects.append(_Suspect(row, key, alone))
                self.macs |= computed
            before = {row.mac, *computed} if row.mac else computed
            if row.kind == WRITTEN or (computed and not trusted):
                written = before
            elif before:
                sealed = before

    def _key(self, row: Row) -> AuditKey | None:
        """The key that the row was made with; None for a row that cannot be checked, which is counted or told."""
        if row.mac is None:
            self.looked.older += not self.known.sealed
            if self.known.sealed:
                self._row_found(Kind.ROW_WITHOUT_MAC, row.version)
            return None
        if len(row.mac) != LENGTH or row.kind not in (WRITTEN, SEALED_LATER):
            self._row_found(Kind.ROW_CHANGED, row.version)
            return None
        key = self.known.keys.get(key_id(row.mac))
        if key is None:
            if not self.known.expected or key_id(row.mac) in self.known.expected:
                self.looked.unread += 1
            else:
                self._row_found(Kind.ROW_CHANGED, row.version)
        return key

    def _sort_out(self) -> None:
        """What happened to each row that failed."""
        beside = []
        for suspect in self.suspects:
            version = suspect.row.version
            was = self._right_as(suspect)
            if was is None:
                if not suspect.alone:
                    self._row_found(Kind.ROW_CHANGED, version)
            elif was != version:
                self._row_found(Kind.ROW_MOVED, version, was=was)
                self.true[self.true.index(version)] = was
            else:
                beside.append(suspect)
        self.true = sorted(version for version in self.true if version > 0 and self._present(version))
        if not self.looked.findings:
            for suspect in beside:
                if not suspect.alone:
                    self._row_found(Kind.CHAIN_BROKEN, suspect.row.version)

    def _present(self, version: int) -> bool:
        """A row that somebody put behind the end is no reason to miss those between."""
        return version <= self.case.version or version not in self.told

    def _right_as(self, suspect: _Suspect) -> int | None:
        """The version under which the row would be right behind some row; None if there is none."""
        row, key = suspect.row, suspect.key
        others = [each.row.version for each in self.suspects]
        if len(others) <= _SEARCHED:
            there = set(self.true)
            others += [version for version in range(1, min(self.case.version, _SEARCHED) + 1) if version not in there]
        else:
            others = []
        for version in (row.version, *others):
            text = canonical((*row.columns[:_VERSION], version, *row.columns[_VERSION + 1 :]))
            if any(row_mac(key, previous, text, row.kind or WRITTEN) == row.mac for previous in self.macs):
                return version
        return None

    def _gaps(self) -> None:
        expected = 1
        for version in self.true:
            if version > expected:
                self._found(Kind.ROWS_MISSING, version=expected, to=version - 1)
            expected = version + 1

    @property
    def last(self) -> int:
        return self.true[-1] if self.true else 0

    def _against_the_case(self) -> None:
        case, head = self.case, head_at(self.rows, self.last)
        if case.version > self.last:
            if case.head is not None and case.head == head and self.last not in self.told:
                self._found(Kind.CASE_CHANGED, column="version", found=case.version, told=self.last)
            else:
                self._found(Kind.TAIL_MISSING, version=self.last + 1, to=case.version)
        elif self.told & {self.last, *(row.version for row in self.rows[-1:])}:
            return  # the last row has its finding: what the case says of it adds nothing
        elif case.version < self.last:
            self._found(Kind.CASE_CHANGED, column="version", found=case.version, told=self.last)
        elif case.head != head and not (self.looked.findings and case.head in self.macs):
            self._found(Kind.HEAD_CHANGED)
        elif self.rows:
            last = self.rows[-1].columns
            for name, found, told in (
                ("status", case.status, last[_STATUS]),
                ("revision", case.revision, last[_REVISION]),
            ):
                if found != told:
                    self._found(Kind.CASE_CHANGED, column=name, found=found, told=told)

    def _against_checkpoints(self, entries: Sequence[tuple[int, Entry]]) -> None:
        there = set(self.true) - self.told
        for checkpoint, entry in entries:
            if checkpoint in self.known.bad_checkpoints:
                continue
            if entry.version > self.last:
                if all(finding.kind is not Kind.TAIL_MISSING for finding in self.looked.findings):
                    to = max(each.version for _, each in entries)
                    self._found(Kind.TAIL_MISSING, version=self.last + 1, to=to, checkpoint=checkpoint)
                return
            if entry.version in there and entry.head != head_at(self.rows, entry.version):
                self._found(Kind.ROW_REPLACED, version=entry.version, checkpoint=checkpoint)
                return
