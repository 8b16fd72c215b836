"""Promises broken on purpose, each in one process that a test starts: what the oracle is tested with.

Each mutant waits for its file in the seams' folder (serve.py) and then does its harm once, except `no-inbox-check`,
which is blind for as long as the process lives.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.bus import inbox
from shared.bus.event import Record
from shared.bus.inbox import Inbox, Slice
from shared.bus.kafka import producer
from shared.bus.kafka.producer import KafkaMover
from shared.bus.sequence import Decision
from shared.postgres import Connection


def install_mutant(name: str) -> None:
    MUTANTS[name]()


def no_inbox_check() -> None:
    """Every record is applied, seen before or not."""

    def gullible(records: Sequence[Record], known: object, **_: object) -> Decision:
        newest: dict[tuple[str, str], tuple[int, bool]] = {}
        for record in records:
            newest[record.topic, record.subject] = (record.sequence, False)
        return Decision(apply=list(records), states=newest)

    setattr(inbox, "decide", gullible)  # noqa: B010


def delete_before_ack() -> None:
    """The relay deletes what it is about to publish, and dies between the two."""
    from tests.chaos.serve import asked, die, done

    move = KafkaMover.move

    async def hasty(self: KafkaMover, connection: Connection, schema: str, shards: Sequence[int]) -> int:
        rows = await connection.fetch(producer._read(schema), shards, 100)
        if rows and asked("delete-before-ack"):
            await connection.execute(producer._delete(schema), [row[0] for row in rows], [row[1] for row in rows])
            done("delete-before-ack")
            die()
        return await move(self, connection, schema, shards)

    setattr(KafkaMover, "move", hasty)  # noqa: B010


def one_row_dropped() -> None:
    """One row leaves the outbox and is never published."""
    from tests.chaos.serve import armed

    def forgetful(rows: Sequence[Any]) -> Sequence[Any]:
        return rows[1:] if armed("one-row-dropped") else rows

    _before_publish(forgetful)


def version_swapped() -> None:
    """Two facts of one case go out under each other's version."""
    from tests.chaos.serve import armed

    swapped: dict[str, int] = {}

    def confused(rows: Sequence[Any]) -> Sequence[Any]:
        out = []
        for row in rows:
            columns, subject, version = list(row), row[6], row[7]
            if not swapped and version > 1 and armed("version-swapped"):
                swapped[subject] = version
            # What is published once more is swapped once more.
            if swapped.get(subject) == version:
                columns[7] = version + 1
            elif swapped.get(subject) == version - 1:
                columns[7] = version - 1
            out.append(tuple(columns))
        return out

    _before_publish(confused)


def one_event_applied_twice() -> None:
    """A handler is called once more with a record that it has just applied."""
    from tests.chaos.serve import asked, done

    apply, handle = Inbox.apply, Inbox._handle
    twice: list[Record] = []

    async def eager(self: Inbox, connection: Connection, topic: str, records: Sequence[Record]) -> None:
        await handle(self, connection, topic, records)
        if asked("one-event-applied-twice"):
            await handle(self, connection, topic, records[:1])
            twice.append(records[0])

    async def applied(self: Inbox, connection: Connection, slices: Sequence[Slice], *, carefully: bool = False) -> None:
        twice.clear()
        await apply(self, connection, slices, carefully=carefully)
        if twice:  # and committed
            done("one-event-applied-twice")

    setattr(Inbox, "_handle", eager)  # noqa: B010
    setattr(Inbox, "apply", applied)  # noqa: B010


def _before_publish(change: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
    publish = KafkaMover._publish

    async def changed(self: KafkaMover, client: AIOKafkaProducer, rows: Iterable[Any], sent: list[Any]) -> None:
        given = list(rows)
        left = change(given)
        if gone := given[: len(given) - len(left)]:
            acked = asyncio.get_running_loop().create_future()
            acked.set_result(None)
            sent.append((acked, gone))
        await publish(self, client, left, sent)

    setattr(KafkaMover, "_publish", changed)  # noqa: B010


MUTANTS: Mapping[str, Callable[[], None]] = {
    "no-inbox-check": no_inbox_check,
    "delete-before-ack": delete_before_ack,
    "one-row-dropped": one_row_dropped,
    "version-swapped": version_swapped,
    "one-event-applied-twice": one_event_applied_twice,
}
