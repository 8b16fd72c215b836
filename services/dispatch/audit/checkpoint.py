"""Signed checkpoints: which cases changed since the one before, under one hash, and how much there is so far.

    text      = canonical JSON list: form, number, made_at, cases, rows, total_cases, total_rows, root, previous, sealed
    signature = Ed25519 of the text; the next checkpoint's `previous` is SHA-256(text ‖ signature)
    root      = SHA-256 over the entries in order of case_id: id (16 bytes), since (4), version (4), length, head

The entries stay in the database, so that a root can be computed again and a case that is gone can be named.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.dispatch.audit.keys import AuditKey, PublicKey

FORM = 1
NOTHING_BEFORE = bytes(32)


class Entry(NamedTuple):
    """A case that changed: from version `since` (0: it is new) to `version`, whose head is `head` (empty: gone)."""

    case_id: UUID
    since: int
    version: int
    head: bytes


class Checkpoint(NamedTuple):
    """`cases` changed and `rows` were added since the one before; of `total_cases` and `total_rows` all so far.
    `sealed`: no row of the timeline was without a mac.
    """

    number: int
    form: int
    made_at: datetime
    cases: int
    rows: int
    total_cases: int
    total_rows: int
    root: bytes
    previous: bytes
    sealed: bool
    key_id: str
    signature: bytes = b""

    @property
    def text(self) -> bytes:
        """What is signed."""
        told = self._replace(made_at=self.made_at.astimezone(UTC))
        hashes = (told.root.hex(), told.previous.hex())
        return orjson.dumps((told.form, told.number, *told[2:7], *hashes, told.sealed))

    @property
    def digest(self) -> bytes:
        """What the next one names as `previous`."""
        return sha256(self.text + self.signature).digest()

    def signed_by(self, key: AuditKey) -> "Checkpoint":
        """The same with the signature of `key`."""
        named = self._replace(key_id=key.id.hex())
        return named._replace(signature=key.sign(named.text))

    def authentic(self, key: PublicKey) -> bool:
        """Whether `key` signed it as it stands."""
        return key.signed(self.text, self.signature)

    def shown(self) -> dict[str, Any]:
        """As JSON shows it: hashes and the signature in hex."""
        shown = self._asdict()
        return shown | {name: value.hex() for name, value in shown.items() if isinstance(value, bytes)}


class Summed:
    """The root of entries as they come, in order of case_id, and what they add up to."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._hash = sha256()
        self.cases = self.new = self.rows = 0
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        numbers = entry.since.to_bytes(4, "big", signed=True) + entry.version.to_bytes(4, "big", signed=True)
        length = len(entry.head).to_bytes(4, "big")
        self._hash.update(entry.case_id.bytes + numbers + length + entry.head)
        self.cases += 1
        self.new += entry.since == 0
        self.rows += entry.version - entry.since

    @property
    def root(self) -> bytes:
        return self._hash.digest()


def read_shown(line: bytes) -> Checkpoint:
    """The checkpoint that a line of a copy holds. Raises ValueError for one that holds none."""
    try:
        shown = orjson.loads(line)
        found = {name: shown[name] for name in Checkpoint._fields}
        found |= {name: bytes.fromhex(found[name]) for name in ("root", "previous", "signature")}
        return Checkpoint(**(found | {"made_at": datetime.fromisoformat(found["made_at"])}))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no checkpoint: {error}") from error
