"""What was put aside, and the three things an operator does about it: look, try again, give up.

Every act takes the row of the partition's progress first, which the running reader's transactions take too: the two
never work on a subject at once. Each act may be repeated; what another operator has settled meanwhile is left alone.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from shared.bus.consumer import Subscription
from shared.bus.event import Record
from shared.bus.inbox import Inbox
from shared.bus.parking import parked_record
from shared.kernel.errors import Conflict, NotFound
from shared.postgres import Connection


class NothingParked(NotFound):
    """There is no parked record of that number."""

    slug, title, title_zh = "nothing-parked", "No such parked record", "没有该编号的搁置记录"


class BehindAnother(Conflict):
    """It waits for an earlier one."""

    slug, title, title_zh = "behind-another", "The record waits behind another", "该记录排在另一条搁置记录之后"


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """One record put aside. `reason`: poison, held (behind it), gap (a version is missing before it), undecodable."""

    id: int
    group: str
    topic: str
    partition: int
    offset: int
    subject: str | None
    sequence: int | None
    reason: str
    error: str
    attempts: int
    parked_at: datetime
    key: bytes | None
    headers: dict[str, str]
    value: bytes | None


_COLUMNS_PART = """
    id, grp, topic, partition, "offset", subject, sequence, reason, error, attempts, parked_at, key, headers, value
"""


async def list_parked(
    connection: Connection, schema: str, *, group: str | None = None, limit: int = 1000
) -> list[ParkedRecord]:
    """The oldest `limit` parked records, by subject and version where they have one."""
    rows = await connection.fetch(
        f"""
        SELECT {_COLUMNS_PART}
          FROM (SELECT * FROM {schema}.inbox_parked WHERE $1::text IS NULL OR grp = $1 ORDER BY id LIMIT $2) AS p
         ORDER BY grp, topic, subject NULLS FIRST, sequence, id
        """,
        group,
        limit,
    )
    return [ParkedRecord(*row) for row in rows]


async def replay(connection: Connection, subscription: Subscription, ids: Sequence[int] | None = None) -> list[int]:
    """Give the parked records `ids` (none: every poisoned and undecodable one) to their handler again.

    One transaction a subject; behind a record that is accepted now, those held follow in order. Returns the numbers of
    the records of `ids` that were settled; the others have a new error and one more attempt.
    """
    schema, group = subscription.schema, subscription.group
    rows = await connection.fetch(
        f"""
        SELECT id FROM {schema}.inbox_parked
         WHERE grp = $1 AND topic = ANY($2::text[])
           AND (id = ANY($3::bigint[]) OR ($3::bigint[] IS NULL AND reason IN ('poison', 'undecodable')))
         ORDER BY topic, subject, sequence, id
        """,
        group,
        list(subscription.topics),
        ids,
    )
    settled = []
    for row in rows:
        if await _replay_one(connection, subscription, row["id"]):
            settled.append(row["id"])
    if settled and subscription.after is not None:
        subscription.after()
    return settled


async def _replay_one(connection: Connection, subscription: Subscription, number: int) -> bool:
    inbox = Inbox(subscription)
    async with _locked(connection, subscription, number) as parked:
        if parked is None:
            return True
        if parked.reason == "undecodable":
            record = parked_record(
                parked.topic, parked.partition, parked.offset, parked.key, parked.headers, parked.value
            )
            if not isinstance(record, Record):
                await connection.execute(
                    f"UPDATE {subscription.schema}.inbox_parked SET attempts = attempts + 1, error = $2 WHERE id = $1",
                    number,
                    record.error,
                )
                return False
            known = await inbox.load(connection, {(record.topic, record.subject)})
            await inbox.settle(connection, [record], known, carefully=True)
            await connection.execute(f"DELETE FROM {subscription.schema}.inbox_parked WHERE id = $1", number)
            return True
        assert parked.subject is not None
        known = await inbox.load(connection, {(parked.topic, parked.subject)})
        decision = await inbox.settle(connection, [], known, carefully=True, retry=frozenset([number]))
        return number in decision.released


async def drop(connection: Connection, subscription: Subscription, number: int) -> None:
    """Give up what stops the subject of parked record `number`, and apply what waited behind it.

    A poisoned record is dropped itself and its version counts as seen. Before a gap, the versions that never came are
    given up and the record is applied. An undecodable one is deleted. Raises NothingParked, and BehindAnother for a
    record that waits for an earlier one.
    """
    inbox = Inbox(subscription)
    schema = subscription.schema
    async with _locked(connection, subscription, number) as parked:
        if parked is None:
            raise NothingParked(
                f"{schema} has no parked record {number} of group {subscription.group}; see `wangge parked list`"
            )
        if parked.reason != "undecodable":
            assert parked.subject is not None
            assert parked.sequence is not None
            name = (parked.topic, parked.subject)
            known = await inbox.load(connection, {name})
            state = known[name]
            first = min(state.waiting)
            if first != parked.sequence and parked.topic not in subscription.latest:
                raise BehindAnother(
                    f"record {number} waits behind record {state.waiting[first].id} of the same subject: "
                    "replay or drop that one"
                )
            if parked.reason == "poison":
                del state.waiting[parked.sequence]
                state.version = max(state.version, parked.sequence)
            else:
                state.version = parked.sequence - 1
            await connection.execute(
                f"""
                UPDATE {schema}.inbox_subject SET version = $4, held = $5
                 WHERE grp = $1 AND topic = $2 AND subject = $3
                """,
                subscription.group,
                *name,
                state.version,
                bool(state.waiting),
            )
            await inbox.settle(connection, [], known, carefully=True, retry=frozenset())
        if parked.reason in ("poison", "undecodable"):
            await connection.execute(f"DELETE FROM {schema}.inbox_parked WHERE id = $1", number)
    if subscription.after is not None:
        subscription.after()


@asynccontextmanager
async def _locked(
    connection: Connection, subscription: Subscription, number: int
) -> AsyncIterator[ParkedRecord | None]:
    """A transaction that holds the partition of parked record `number`; None when it is no longer parked."""
    schema = subscription.schema
    async with connection.transaction():
        await connection.execute(
            f"""
            SELECT 1 FROM {schema}.inbox_progress AS p
              JOIN {schema}.inbox_parked AS r ON r.grp = p.grp AND r.topic = p.topic AND r.partition = p.partition
             WHERE r.id = $1 FOR UPDATE OF p
            """,
            number,
        )
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS_PART} FROM {schema}.inbox_parked WHERE id = $1 AND grp = $2 FOR UPDATE",
            number,
            subscription.group,
        )
        yield ParkedRecord(*row) if row is not None else None
