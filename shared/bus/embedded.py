"""The embedded carrier: an append-only log in schema `bus` of the service's own database."""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zlib import crc32

from shared.bus.carrier import CarrierRefused
from shared.bus.consumer import Subscription
from shared.bus.event import SHARDS, Record, source_of
from shared.bus.inbox import Slice
from shared.bus.loop import BATCH, Reader, Source
from shared.bus.outbox import Outbox
from shared.bus.progress import Bounds, Partition, read_progress
from shared.bus.relay import Relay
from shared.bus.sweep import log_sweep_job
from shared.bus.trouble import Trouble
from shared.bus.wake import Wake
from shared.contracts.topics import Topic
from shared.jobs import Job
from shared.postgres import Connection, Pool, connect

if TYPE_CHECKING:
    from shared.settings import Settings

SCHEMA = Path(__file__).parent / "log" / "schema.sql"
# A reader of another process waits half of this on average; one in the relay's own process is woken.
POLL_SECONDS = (0.010, 0.050)
TURN_SECONDS = 0.3


class EmbeddedCarrier:
    """For one machine: no broker beside the database. A topic has as many partitions as the outbox has shards."""

    kind: Literal["kafka", "embedded"] = "embedded"

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._refused: dict[str, CarrierRefused] = {}
        self._arrived = Wake()

    async def create_topics(self, topics: Sequence[Topic]) -> None:
        connection = await connect(self._settings.database_url, name="bus")
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1, 0)", crc32(b"wangge-log") & 0x7FFFFFFF)
                await connection.execute(SCHEMA.read_text(encoding="utf-8"))
                await connection.execute(
                    """
                    INSERT INTO bus.counters (topic, partition, compacted)
                    SELECT t.name, p, t.compacted
                      FROM unnest($1::text[], $2::boolean[]) AS t (name, compacted),
                           generate_series(0, $3::int - 1) AS p
                    ON CONFLICT (topic, partition) DO NOTHING
                    """,
                    [topic.name for topic in topics],
                    [topic.compacted for topic in topics],
                    SHARDS,
                )
        finally:
            await connection.close()

    def relay_job(self, pool: Pool, outbox: Outbox) -> Job:
        name = f"relay {outbox.schema}"
        relay = Relay(pool, outbox, LogMover(self._arrived), Trouble(name))
        sweep = log_sweep_job(pool, self._settings.embedded_log_days)

        async def run(stop: asyncio.Event) -> None:
            async with asyncio.TaskGroup() as both:
                both.create_task(sweep.run(stop))
                both.create_task(relay.run(stop))

        return Job(name, run)

    def consumer_job(self, pool: Pool, subscription: Subscription) -> Job:
        name = f"reader {subscription.schema}:{subscription.group}"

        def source() -> Source:
            return LogSource(subscription, self._arrived)

        return Job(name, Reader(pool, subscription, source, Trouble(name), self._refused).run)

    async def check(self) -> None:
        for refused in self._refused.values():
            raise refused

    async def close(self) -> None:
        """Holds nothing of its own."""


class LogMover:
    """From an outbox to the log in one statement: a fact is in the one or in the other."""

    def __init__(self, arrived: Wake) -> None:
        self._arrived = arrived
        self._statements: dict[str, str] = {}

    async def move(self, connection: Connection, schema: str, shards: Sequence[int]) -> int:
        statement = self._statements.get(schema)
        if statement is None:
            statement = self._statements[schema] = _move(schema)
        status = await connection.execute(statement, shards, max(1, BATCH // len(shards)))
        moved = int(status.rsplit(" ", 1)[1])
        if moved:
            self._arrived.ring()
        return moved

    async def close(self) -> None:
        """Holds nothing of its own."""


def _move(schema: str) -> str:
    # By ctid: found by one index probe a shard and taken from where they lie. A join with the chosen rows was planned
    # now and then as the whole outbox times the chosen: with a backlog of 16,000 two thirds of Postgres's time.
    columns = "key, event_id, type, subject, sequence, routing_key, routing_key_from, at, traceparent, data"
    return f"""
        WITH gone AS (
            DELETE FROM {schema}.outbox AS o
             WHERE o.ctid = ANY(ARRAY(
                SELECT n.ctid
                  FROM unnest($1::smallint[]) AS s (shard),
                       LATERAL (SELECT n.ctid FROM {schema}.outbox AS n
                                 WHERE n.shard = s.shard ORDER BY n.id LIMIT $2) AS n))
            RETURNING o.*
        ), counted AS (
            SELECT topic, shard, count(*) AS n FROM gone GROUP BY topic, shard
        ), bumped AS (
            INSERT INTO bus.counters AS k (topic, partition, next_offset)
            SELECT topic, shard, n FROM counted ORDER BY topic, shard
            ON CONFLICT (topic, partition) DO UPDATE SET next_offset = k.next_offset + excluded.next_offset
            RETURNING topic, partition, next_offset
        )
        INSERT INTO bus.log (topic, partition, "offset", {columns})
        SELECT g.topic, g.shard,
               b.next_offset - c.n + row_number() OVER (PARTITION BY g.topic, g.shard ORDER BY g.id) - 1,
               {", ".join("g." + column for column in columns.split(", "))}
          FROM gone AS g
          JOIN counted AS c ON c.topic = g.topic AND c.shard = g.shard
          JOIN bumped AS b ON b.topic = g.topic AND b.partition = g.shard
    """


class LogSource:
    """A group's reader of the log. One member of the group reads at a time: the one that holds its advisory lock."""

    # One index probe a partition, however the planner sees the table; offsets of a partition become visible in order.
    READ = """
        SELECT l.topic, l.partition, l."offset", l.key, l.event_id::text, l.type, l.subject, l.sequence, l.routing_key,
               l.routing_key_from, l.at, l.data, l.traceparent
          FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS p (topic, partition, next),
               LATERAL (SELECT * FROM bus.log AS l
                         WHERE l.topic = p.topic AND l.partition = p.partition AND l."offset" >= p.next
                         ORDER BY l."offset" LIMIT $4) AS l
    """
    BOUNDS = """
        SELECT topic, partition, topic_id::text, start_offset, next_offset,
               (SELECT id::text FROM bus.cluster) AS cluster
          FROM bus.counters WHERE topic = ANY($1::text[])
    """

    def __init__(self, subscription: Subscription, arrived: Wake) -> None:
        self._subscription = subscription
        self._topics = sorted(subscription.topics)
        self._turn = crc32(f"wangge-reader:{subscription.schema}:{subscription.group}".encode()) & 0x7FFFFFFF
        self._mine = False
        self._next: dict[Partition, int] = {}
        self._sources = {topic: source_of(topic) for topic in self._topics}
        self._idle = POLL_SECONDS[0]
        self._gathering = 0.0
        self._limit = max(64, BATCH // SHARDS)
        self._ear = contextlib.ExitStack()
        self._bell = self._ear.enter_context(arrived.listening())

    async def attach(self, connection: Connection) -> None:
        self._mine = False

    async def fetch(self, connection: Connection) -> Sequence[Slice]:
        if self._gathering:
            await asyncio.sleep(self._gathering)
            self._gathering = 0.0
        if not self._mine and not await self._take_turn(connection):
            await asyncio.sleep(TURN_SECONDS)
            return []
        names = list(self._next)
        rows = await connection.fetch(
            self.READ, [n[0] for n in names], [n[1] for n in names], list(self._next.values()), self._limit
        )
        self._gathering = self._subscription.gather_ms / 1000
        if not rows:
            if not self._gathering:
                await self._bell.wait(self._idle)
                self._idle = min(self._idle * 1.5, POLL_SECONDS[1])
            return []
        self._idle = POLL_SECONDS[0]
        slices = []
        for (topic, partition), found in groupby(rows, lambda row: (row[0], row[1])):
            source = self._sources[topic]
            items = [
                Record(
                    topic, partition, offset, key, id_, kind, source, subject, sequence, routed, left, at, data, trace
                )
                for _, _, offset, key, id_, kind, subject, sequence, routed, left, at, data, trace in found
            ]
            slices.append(Slice(topic, partition, self._next[topic, partition], items[-1].offset + 1, items))
            if len(items) == self._limit:
                self._gathering = 0.0
        return slices

    async def _take_turn(self, connection: Connection) -> bool:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1, 0)", self._turn):
            return False
        rows = await connection.fetch(self.BOUNDS, self._topics)
        bounds = {(row[0], row[1]): Bounds(row[2], row[3], row[4]) for row in rows}
        missing = [topic for topic in self._topics if (topic, 0) not in bounds]
        if missing:
            raise CarrierRefused(f"topic {', '.join(missing)} does not exist: run `wangge migrate`")
        self._next = await read_progress(
            connection, self._subscription.schema, self._subscription.group, rows[0]["cluster"], bounds
        )
        self._mine = True
        return True

    def applied(self, slices: Sequence[Slice]) -> None:
        for each in slices:
            self._next[each.topic, each.partition] = each.end

    async def close(self) -> None:
        self._ear.close()
