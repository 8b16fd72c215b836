"""A record as a row of `inbox_parked`, and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from shared.bus.event import Record, Undecodable, decode, headers_of
from shared.bus.sequence import Park

# topic, partition, offset, subject, sequence, reason, error, attempts, key, headers, value
Row: TypeAlias = tuple[Any, ...]


def as_columns(rows: Iterable[Row]) -> list[list[Any]]:
    """Rows as the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


def parked_row(park: Park) -> Row:
    r, reason, error = park
    place = (r.topic, r.partition, r.offset, r.subject, r.sequence)
    return (*place, reason, error, int(reason == "poison"), r.key.encode(), _headers(r), r.data)


def undecodable_row(odd: Undecodable) -> Row:
    place = (odd.topic, odd.partition, odd.offset, odd.subject, None)
    return (*place, "undecodable", odd.error, 1, odd.key, _shown(odd.headers), odd.value)


def error_text(error: BaseException) -> str:
    """What is stored with a parked record: the kind and the words, no longer than a screen."""
    return f"{type(error).__name__}: {error}".replace("\0", "\\0")[:2000]


def _shown(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    return {
        name.replace("\0", "\\0"): (value or b"").decode(errors="backslashreplace").replace("\0", "\\0")
        for name, value in headers
    }


def _headers(record: Record) -> dict[str, str]:
    return _shown(
        headers_of(
            record.source.encode(),
            record.id,
            record.type,
            record.subject,
            record.sequence,
            record.key,
            record.routing_key,
            record.routing_key_from,
            record.at,
            record.traceparent,
        )
    )


def parked_record(
    topic: str, partition: int, offset: int, key: bytes | None, headers: Mapping[str, str], value: bytes | None
) -> Record | Undecodable:
    """The record of a parked row, as it was read from its topic."""
    return decode(topic, partition, offset, key, [(name, text.encode()) for name, text in headers.items()], value)
