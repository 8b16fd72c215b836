"""What a broker and its client can do at all: the records of the last run, produced and consumed, nothing else."""

import asyncio
import time
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts import topics

_PARTITIONS = 12


async def bare_kafka(bootstrap: str, cases: int) -> float:
    """Cases a second: their records, as they stand on the topics, sent to a scratch topic and read from it again."""
    records = await _records(bootstrap, cases)
    topic = f"bare-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, _PARTITIONS, 1)])
    await admin.close()
    await asyncio.sleep(1)  # until every partition has its leader
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=1 << 18
    )
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await producer.start()
    await consumer.start()
    try:
        began = time.monotonic()
        sent = [await producer.send(topic, r.value, r.key, headers=[*r.headers]) for r in records]
        for future in sent:
            await future
        read = 0
        while read < len(records):
            found = await consumer.getmany(timeout_ms=500, max_records=1000)
            read += sum(len(each) for each in found.values())
        return cases / (time.monotonic() - began)
    finally:
        await producer.stop()
        await consumer.stop()


async def _records(bootstrap: str, cases: int) -> list[Any]:
    """The newest records of `cases` cases: one of the report and those of its case."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        found: list[Any] = []
        for name, wanted in ((topics.REPORTS.name, cases), (topics.CASES.name, 4 * cases)):
            places = [TopicPartition(name, n) for n in range(_PARTITIONS)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            starts = await consumer.beginning_offsets(places)
            share = min(1.0, wanted / max(1, sum(ends.values()) - sum(starts.values())))
            for place in places:
                consumer.seek(place, max(starts[place], ends[place] - round((ends[place] - starts[place]) * share)))
            left = sum(round((ends[place] - starts[place]) * share) for place in places)
            while left > 0:
                batch = await consumer.getmany(timeout_ms=500, max_records=2000)
                for messages in batch.values():
                    found += messages
                    left -= len(messages)
        return found
    finally:
        await consumer.stop()
