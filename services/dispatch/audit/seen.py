"""What a check of the audit trail reads, and what comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.dispatch.audit.chain import CHAINED, WRITTEN, Birth
from services.dispatch.audit.findings import Finding
from services.dispatch.audit.keys import AuditKey

_VERSION = CHAINED.index("version")


class CaseRow(NamedTuple):
    """What the case itself says."""

    birth: Birth
    version: int
    revision: int
    status: str
    head: bytes | None


class Row(NamedTuple):
    """A row of the timeline: the columns that its mac covers, and the mac."""

    columns: tuple[Any, ...]
    mac: bytes | None

    @property
    def version(self) -> int:
        found: int = self.columns[_VERSION]
        return found

    @property
    def kind(self) -> int | None:
        return self.mac[0] if self.mac else None


@dataclass
class Known:
    """What a check starts from. `expected` are ids of keys that made checkpoints here: a mac of one of these cannot be
    checked without its key, one of any other was made elsewhere.
    """

    keys: Mapping[bytes, AuditKey]
    expected: frozenset[bytes] = frozenset()
    sealed: bool = False
    bad_checkpoints: frozenset[int] = frozenset()


@dataclass
class Looked:
    """What came of it: `older` rows have no mac, `unread` ones were made with a key that is not here."""

    findings: list[Finding] = field(default_factory=list)
    rows: int = 0
    older: int = 0
    unread: int = 0


def head_at(rows: Sequence[Row], version: int) -> bytes | None:
    """The head that a case had with its row `version`: the mac of the last row that was written with one, else of the
    last that was sealed later.
    """
    before = [row for row in rows if row.version <= version and row.mac]
    written = [row for row in before if row.kind == WRITTEN]
    last = (written or before)[-1:]
    return last[0].mac if last else None
