"""One member of a Kafka consumer group, placed by the progress in Postgres instead of the group's offsets."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from shared.bus.carrier import CarrierRefused
from shared.bus.consumer import Subscription
from shared.bus.event import decode
from shared.bus.inbox import Slice
from shared.bus.kafka.cluster import ClusterView, Identity, connection_options
from shared.bus.loop import BATCH
from shared.bus.progress import Bounds, read_progress
from shared.bus.trouble import finished
from shared.postgres import Connection

if TYPE_CHECKING:
    from shared.settings import Settings

log = structlog.get_logger()

WAIT_MS = 200
# A group that lets records gather is given them sooner when there is this much: some four hundred facts of a case.
GATHERED_BYTES = 256 * 1024
CHECK_SECONDS = 5.0
STALLED_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
HINT_SECONDS = 1.0
# A rebalance waits this long for the batch in hand; the fence holds whatever comes later.
REVOKE_SECONDS = 3.0


class Stalled(KafkaError):  # type: ignore[misc]
    """There are records and none arrives: aiokafka can stop silently after a broker's restart."""


class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads what the group assigns to it, from where Postgres says; the offset commits are for lag tools only."""

    def __init__(self, settings: "Settings", subscription: Subscription) -> None:
        self._settings = settings
        self._subscription = subscription
        self._topics = sorted(subscription.topics)
        self._consumer: AIOKafkaConsumer | None = None
        self._view: ClusterView | None = None
        self._identity: Identity | None = None
        self._next: dict[TopicPartition, int] = {}
        self._unplaced = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._checked_at = self._moved_at = self._hinted_at = 0.0
        self._away_since: float | None = None
        self._hints: dict[TopicPartition, int] = {}
        self._hinting: asyncio.Task[None] | None = None

    async def attach(self, connection: Connection) -> None:
        self._idle.set()
        self._next.clear()
        self._unplaced = True
        if self._consumer is not None:
            return
        self._view = ClusterView(self._settings)
        await self._view.start()
        await self._check_identity()
        self._consumer = AIOKafkaConsumer(
            group_id=self._subscription.group,
            enable_auto_commit=False,
            # Only Postgres says where to begin: out of range is an error, never a silent jump to either end.
            auto_offset_reset="none",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            # A batch may be retried for as long as Postgres is away without leaving the group.
            max_poll_interval_ms=3_600_000,
            rebalance_timeout_ms=15_000,
            max_partition_fetch_bytes=1 << 20,
            fetch_max_wait_ms=self._subscription.gather_ms or 500,
            fetch_min_bytes=GATHERED_BYTES if self._subscription.gather_ms else 1,
            **connection_options(self._settings),
        )
        self._consumer.subscribe(self._topics, listener=self)
        await self._consumer.start()
        self._moved_at = asyncio.get_running_loop().time()

    async def fetch(self, connection: Connection) -> Sequence[Slice]:
        consumer = self._consumer
        assert consumer is not None
        self._idle.set()
        await self._watch(consumer)
        if self._unplaced and not await self._place(consumer, connection):
            await asyncio.sleep(0.02)
            return []
        try:
            found: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=WAIT_MS, max_records=BATCH)
        except (NoOffsetForPartitionError, OffsetOutOfRangeError):
            # A member that has no place yet, or one whose place the log no longer has: reading the progress tells.
            self._unplaced = True
            return []
        slices = []
        for place, messages in found.items():
            start = self._next.get(place)
            if start is None:
                continue
            topic, partition = place
            items = [
                decode(topic, partition, m.offset, m.key, m.headers, m.value) for m in messages if m.offset >= start
            ]
            if items:
                slices.append(Slice(topic, partition, start, messages[-1].offset + 1, items))
        if slices:
            self._idle.clear()
            self._moved_at = asyncio.get_running_loop().time()
        return slices

    def applied(self, slices: Sequence[Slice]) -> None:
        for each in slices:
            place = TopicPartition(each.topic, each.partition)
            if place in self._next:
                self._next[place] = self._hints[place] = each.end
        self._idle.set()

    async def close(self) -> None:
        if self._hinting is not None:
            self._hinting.cancel()
        if self._consumer is not None:
            if self._hints:
                await finished(self._hint(dict(self._hints)), 1)
            await finished(self._consumer.stop(), 5)
        if self._view is not None:
            await finished(self._view.close(), 1)
        self._consumer = self._view = None

    # The group's callbacks: they only note what changed, `fetch` does the work.

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(REVOKE_SECONDS):
                await self._idle.wait()
        self._next.clear()
        self._hints.clear()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        assert self._consumer is not None
        self._consumer.pause(*assigned)
        self._next.clear()
        self._unplaced = True
        names = sorted(f"{place.topic}/{place.partition}" for place in assigned)
        log.info("partitions assigned", group=self._subscription.group, partitions=names)

    async def _place(self, consumer: AIOKafkaConsumer, connection: Connection) -> bool:
        """Seek every assigned partition to its progress. False while there is none, or when they changed meanwhile."""
        places = consumer.assignment()
        if not places:
            return False
        self._unplaced = False
        consumer.pause(*places)
        identity = await self._check_identity()
        oldest = await consumer.beginning_offsets(list(places))
        ends = await consumer.end_offsets(list(places))
        bounds = {
            (place.topic, place.partition): Bounds(identity.topics[place.topic], oldest[place], ends[place])
            for place in places
        }
        group, schema = self._subscription.group, self._subscription.schema
        progress = await read_progress(connection, schema, group, identity.cluster, bounds)
        if self._unplaced or consumer.assignment() != places:
            self._unplaced = True
            return False
        for place in places:
            self._next[place] = progress[place.topic, place.partition]
            consumer.seek(place, self._next[place])
        consumer.resume(*places)
        return True

    async def _check_identity(self) -> Identity:
        """Raises CarrierRefused when it is not the log it was; KafkaError when there is nobody to ask."""
        assert self._view is not None
        identity = await self._view.identity(self._topics)
        missing = [topic for topic in self._topics if topic not in identity.topics]
        if missing:
            raise CarrierRefused(f"topic {', '.join(missing)} does not exist: run `wangge migrate`")
        if self._identity is not None and identity != self._identity:
            self._next.clear()
            self._unplaced = True
        self._identity = identity
        return identity

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Now and then: is it the same log, does what there is to read arrive, and a hint to lag tools."""
        now = asyncio.get_running_loop().time()
        if self._hints and now - self._hinted_at > HINT_SECONDS and (self._hinting is None or self._hinting.done()):
            self._hinted_at = now
            hints, self._hints = self._hints, {}
            self._hinting = asyncio.create_task(self._hint(hints))
        if now - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = now
        try:
            await self._check_identity()
            stalled = await self._is_stalled(consumer, now)
        except KafkaError as error:
            # The consumer goes on by itself when the broker is back, and sooner than a new member of the group would.
            if self._away_since is None:
                self._away_since = now
                log.warning("the broker does not answer", group=self._subscription.group, error=str(error))
            elif now - self._away_since > PATIENCE_SECONDS:
                raise
            return
        if self._away_since is not None:
            seconds = round(now - self._away_since, 1)
            log.warning("the broker answers again", group=self._subscription.group, seconds=seconds)
            self._away_since = None
            self._moved_at = now
        elif stalled:
            raise Stalled(f"group {self._subscription.group} has records to read and gets none")

    async def _is_stalled(self, consumer: AIOKafkaConsumer, now: float) -> bool:
        if not self._next or now - self._moved_at < CHECK_SECONDS:
            return False
        ends = await consumer.end_offsets(list(self._next))
        if all(ends[place] <= at for place, at in self._next.items() if place in ends):
            self._moved_at = now
        return now - self._moved_at > STALLED_SECONDS

    async def _hint(self, hints: dict[TopicPartition, int]) -> None:
        if self._consumer is not None:
            with suppress(KafkaError):
                await self._consumer.commit(hints)
