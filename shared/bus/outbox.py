"""The outbox: facts written in the transaction that made them true."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from shared import telemetry
from shared.bus.event import SHARDS, Event
from shared.bus.wake import Wake
from shared.postgres import Connection

# Columns and array types in the order of `columns`, so that a store may fold the insert into a statement of its own.
COLUMNS = (
    "shard",
    "topic",
    "key",
    "event_id",
    "type",
    "subject",
    "sequence",
    "routing_key",
    "routing_key_from",
    "at",
    "traceparent",
    "data",
)
TYPES = (
    "smallint[]",
    "text[]",
    "text[]",
    "uuid[]",
    "text[]",
    "text[]",
    "int[]",
    "text[]",
    "text[]",
    "timestamptz[]",
    "text[]",
    "bytea[]",
)

ROW_TYPES = tuple(kind.removesuffix("[]") for kind in TYPES)

# Kafka refuses a message above 1 MiB (message.max.bytes); in the outbox it would stop its shard for ever.
MAX_DATA_BYTES = 900_000


class FactTooLarge(ValueError):
    """A fact larger than a topic takes. A bug of the command that made it: the command fails and nothing is stored."""


def insert_sql(schema: str, first_parameter: int = 1) -> str:
    """The insert of `columns(events)`, its parameters numbered from `first_parameter`."""
    arrays = ", ".join(f"${first_parameter + n}::{kind}" for n, kind in enumerate(TYPES))
    return f"INSERT INTO {schema}.outbox ({', '.join(COLUMNS)}) SELECT * FROM unnest({arrays})"


def values_sql(schema: str, source: str, rows: Sequence[str]) -> str:
    """The insert of `rows` of VALUES, each of parameters of `ROW_TYPES`, one after the other, for each row of
    `source`.
    """
    names = ", ".join(COLUMNS)
    return f"INSERT INTO {schema}.outbox ({names}) SELECT n.* FROM {source}, (VALUES {', '.join(rows)}) AS n"


def columns(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """`events`, at least one, as the arrays that `insert_sql` takes. Raises FactTooLarge."""
    return list(zip(*rows(events), strict=True))


def rows(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """`events` as rows in the order of `COLUMNS`. Raises FactTooLarge."""
    trace = telemetry.traceparent()
    for event in events:
        if len(event.data) > MAX_DATA_BYTES:
            raise FactTooLarge(
                f"{event.type} of {event.subject} has {len(event.data)} bytes of {MAX_DATA_BYTES} allowed"
            )
    return [
        (
            crc32(e.key.encode()) % SHARDS,
            e.topic,
            e.key,
            e.id,
            e.type,
            str(e.subject),
            e.sequence,
            e.routing_key,
            e.routing_key_from,
            e.at,
            e.traceparent or trace,
            e.data,
        )
        for e in events
    ]


class Outbox:
    """One service's outbox."""

    def __init__(self, schema: str, wake: Wake) -> None:
        self.schema = schema
        self.wake = wake
        self._insert = insert_sql(schema)

    async def add(self, tx: Connection, events: Sequence[Event]) -> None:
        """Write `events` in the caller's transaction, in this order, after the caller locked their subjects.

        The lock comes first because the row's number is drawn here, and the relay publishes by that number.
        """
        if events:
            await tx.execute(self._insert, *columns(events))

    def ring(self) -> None:
        """Call after the commit: a relay in this process looks at once instead of at its next poll."""
        self.wake.ring()
