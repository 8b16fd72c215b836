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

# Kafka refuses a message above 1 MiB (message.max.bytes); in the outbox it would stop its shard for ever.
MAX_DATA_BYTES = 900_000


class FactTooLarge(ValueError):
    """A fact larger than a topic takes. A bug of the command that made it: the command fails and nothing is stored."""


def insert_sql(schema: str, first_parameter: int = 1) -> str:
    """The insert of `columns(events)`, its parameters numbered from `first_parameter`."""
    arrays = ", ".join(f"${first_parameter + n}::{kind}" for n, kind in enumerate(TYPES))
    return f"INSERT INTO {schema}.outbox ({', '.join(COLUMNS)}) SELECT * FROM unnest({arrays})"


def columns(events: Sequence[Event]) -> tuple[list[Any], ...]:
    """`events` as the arrays that `insert_sql` takes. Raises FactTooLarge."""
    trace = telemetry.traceparent()
    for event in events:
        if len(event.data) > MAX_DATA_BYTES:
            raise FactTooLarge(
                f"{event.type} of {event.subject} has {len(event.data)} bytes of {MAX_DATA_BYTES} allowed"
            )
    return (
        [crc32(e.key.encode()) % SHARDS for e in events],
        [e.topic for e in events],
        [e.key for e in events],
        [e.id for e in events],
        [e.type for e in events],
        [str(e.subject) for e in events],
        [e.sequence for e in events],
        [e.routing_key for e in events],
        [e.routing_key_from for e in events],
        [e.at for e in events],
        [e.traceparent or trace for e in events],
        [e.data for e in events],
    )


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
