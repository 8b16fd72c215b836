"""The chain of a case's timeline: each row's mac covers the row and the mac before it.

    mac = kind (1 byte) ‖ key id (4) ‖ HMAC-SHA-256(key, kind ‖ mac before (37) ‖ canonical bytes of the row)

The first row follows the case's birth, a hash of what no act ever changes of the case itself. Kind 1 is a row that was
given its mac as it was written, kind 2 one that is older than the chain and was sealed later.

Canonical bytes, form 1: the UTF-8 JSON list of the form's number and the columns `CHAINED` in that order, without
blanks; ids in lower case with dashes, times as RFC 3339 in UTC with microseconds where there are any, members sorted by
name. JSON columns are what a reader gets from them: a number is its value as an integer of 64 bits or a double, so that
`1e16` and `10000000000000000`, `-0.0` and `0.0`, which jsonb does not tell apart, are the same here too.

Measured beside opening the same cases without it: see `store/opening.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.dispatch.audit.keys import ID_BYTES, MAC_BYTES, AuditKey

FORM = 1
WRITTEN, SEALED_LATER = 1, 2
_KINDS = {kind: bytes((kind,)) for kind in (WRITTEN, SEALED_LATER)}
_NO_KEY = bytes(1 + ID_BYTES)
LENGTH = 1 + ID_BYTES + MAC_BYTES

# All columns of the timeline but the mac itself. Another column is another form.
CHAINED = (
    "case_id",
    "version",
    "revision",
    "act",
    "at",
    "actor",
    "centre",
    "post",
    "from_status",
    "status",
    "opinion",
    "evidence",
    "clock",
    "details",
    "receiver",
    "key",
)
_AT = CHAINED.index("at")
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
# A double from here on is written with an exponent, which jsonb writes out.
_EXPONENT_FROM = 1e16
_INTEGERS_TO = 2**64


class Birth(NamedTuple):
    """What no act changes of a case."""

    case_id: UUID
    number: str
    report_id: UUID
    born_in: str
    source: str
    opened_at: datetime


def canonical(columns: Sequence[Any]) -> bytes:
    """Canonical bytes of a row: of the values to be written as of those that are read back. 1.5 µs."""
    at = columns[_AT]
    if at is not None and at.tzinfo is not UTC:
        columns = (*columns[:_AT], at.astimezone(UTC), *columns[_AT + 1 :])
    text = orjson.dumps((FORM, *columns), default=_plain, option=_SORTED)
    # Rare, and true of some texts that need no second look.
    if b"e+" in text or b"-0.0" in text:
        text = orjson.dumps(_one_spelling(orjson.loads(text)), option=_SORTED)
    return text


def birth_hash(birth: Birth) -> bytes:
    """What the first row of the case's chain follows, as long as a mac. It needs no key: that row's mac covers it."""
    if birth.opened_at.tzinfo is not UTC:
        birth = birth._replace(opened_at=birth.opened_at.astimezone(UTC))
    return _NO_KEY + sha256(orjson.dumps((FORM, *birth))).digest()


def row_mac(key: AuditKey, previous: bytes, row: bytes, kind: int = WRITTEN) -> bytes:
    """The mac of a row whose canonical bytes are `row`."""
    first = _KINDS[kind]
    return first + key.id + key.mac(first + previous + row)


def key_id(mac: bytes) -> bytes:
    """The id of the key that `mac` says it was made with."""
    return mac[1 : 1 + ID_BYTES]


def _plain(value: object) -> Mapping[str, Any]:
    # Members of a dataclass would come in the order of the class, and out of jsonb in another.
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} in a row of the timeline")


def _one_spelling(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _one_spelling(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_one_spelling(each) for each in value]
    if isinstance(value, float):
        if value == 0:
            return 0.0
        if abs(value) >= _EXPONENT_FROM:
            whole = int(Decimal(repr(value)))
            # What orjson reads as an integer: beyond it, and below -2**63, a double again.
            return whole if -(_INTEGERS_TO // 2) <= whole < _INTEGERS_TO else value
    return value
