"""From an outbox to Kafka: publish in order, await every ack, delete exactly what was acked."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from shared.bus.event import SHARDS, headers_of, source_of
from shared.bus.kafka.cluster import connection_options
from shared.bus.loop import BATCH
from shared.bus.trouble import finished
from shared.postgres import Connection

if TYPE_CHECKING:
    from shared.settings import Settings

# A producer's request holds at most one batch a partition; the broker takes 1 MiB (message.max.bytes).
PRODUCER_BATCH = 512 * 1024
# While acks are awaited the relay's session must not look frozen to Postgres (relay.FROZEN_AFTER).
STILL_HERE_SECONDS = 2.0
# After a broker was killed and came back, a batch's ack was seen never to resolve (aiokafka 0.14, cause not found).
ACK_SECONDS = 10.0


class KafkaMover:
    """One relay's producer. After any error it is thrown away: its sender may be dead (aiokafka 0.14)."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._sources: dict[str, bytes] = {}

    async def move(self, connection: Connection, schema: str, shards: Sequence[int]) -> int:
        """Rows of a shard are published in order; what fails stays in the outbox, and is the first of the next call."""
        rows = await connection.fetch(_read(schema), shards, max(1, BATCH // len(shards)))
        if not rows:
            return 0
        producer = await self._ready()
        sent: list[tuple[asyncio.Future[Any], list[Any]]] = []
        error: BaseException | None = None
        try:
            await self._publish(producer, rows, sent)
        except (KafkaError, OSError) as raised:
            error = raised
        acked: list[Any] = []
        if sent:
            waiting: set[asyncio.Future[Any]] = {future for future, _ in sent}
            deadline = asyncio.get_running_loop().time() + ACK_SECONDS
            while waiting and asyncio.get_running_loop().time() < deadline:
                _, waiting = await asyncio.wait(waiting, timeout=STILL_HERE_SECONDS)
                if waiting:
                    await connection.execute("SELECT 1")
            for future, members in sent:
                if future in waiting:
                    future.add_done_callback(_heard)
                    failure: BaseException | None = KafkaTimeoutError(f"no ack within {ACK_SECONDS:.0f} s")
                else:
                    failure = future.exception()
                if failure is None:
                    acked += members
                error = error or failure
        if acked:
            await connection.execute(_delete(schema), [row[0] for row in acked], [row[1] for row in acked])
        if error is not None:
            await self.close()
            raise error
        return len(acked)

    async def _publish(
        self, producer: AIOKafkaProducer, rows: Iterable[Any], sent: list[tuple[asyncio.Future[Any], list[Any]]]
    ) -> None:
        """Whole batches a partition, not `send` a record: with read, ack and delete 13 µs of Python each (measured)."""
        partitions: dict[tuple[str, int], list[Any]] = {}
        counts: dict[str, int] = {}
        for row in rows:
            topic = row[2]
            count = counts.get(topic)
            if count is None:
                count = counts[topic] = len(await producer.partitions_for(topic))
            partition = row[0] if count == SHARDS else crc32(row[3].encode()) % count
            partitions.setdefault((topic, partition), []).append(row)
        for (topic, partition), members in partitions.items():
            source = self._sources.get(topic)
            if source is None:
                source = self._sources[topic] = source_of(topic).encode()
            batch = producer.create_batch()
            first = 0
            for n, row in enumerate(members):
                _, _, _, key, event_id, kind, subject, sequence, routed, left, at, trace, data = row
                headers = headers_of(source, event_id, kind, subject, sequence, key, routed, left, at, trace)
                message = {"timestamp": None, "key": key.encode(), "value": data, "headers": headers}
                if batch.append(**message) is None:
                    sent.append((await producer.send_batch(batch, topic, partition=partition), members[first:n]))
                    batch, first = producer.create_batch(), n
                    batch.append(**message)
            sent.append((await producer.send_batch(batch, topic, partition=partition), members[first:]))

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                enable_idempotence=True,
                acks="all",
                linger_ms=0,
                max_batch_size=PRODUCER_BATCH,
                **connection_options(self._settings),
            )
            try:
                await producer.start()
            except BaseException:
                await _stop(producer)
                raise
            self._producer = producer
        return self._producer

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)


def _heard(future: "asyncio.Future[Any]") -> None:
    """Nobody waits for it any more."""
    if not future.cancelled():
        future.exception()


async def _stop(producer: AIOKafkaProducer) -> None:
    await finished(producer.stop(), 3)


def _read(schema: str) -> str:
    return f"""
        SELECT o.shard, o.id, o.topic, o.key, o.event_id::text, o.type, o.subject, o.sequence, o.routing_key,
               o.routing_key_from, o.at, o.traceparent, o.data
          FROM unnest($1::smallint[]) AS s (shard),
               LATERAL (SELECT * FROM {schema}.outbox AS o WHERE o.shard = s.shard ORDER BY o.id LIMIT $2) AS o
    """


def _delete(schema: str) -> str:
    # One index probe a row, whatever the planner believes of a table that is now empty and now full.
    return f"""
        DELETE FROM {schema}.outbox AS o
         WHERE o.ctid = ANY(ARRAY(
            SELECT n.ctid
              FROM unnest($1::smallint[], $2::bigint[]) AS d (shard, id),
                   LATERAL (SELECT n.ctid FROM {schema}.outbox AS n
                             WHERE n.shard = d.shard AND n.id = d.id OFFSET 0) AS n))
    """
