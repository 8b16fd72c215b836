"""A small service for each test: a database, a topic and groups of its own, on either carrier."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import UUID, uuid4

import shared.bus
from shared.bus.carrier import Carrier
from shared.bus.consumer import Handler, Subscription
from shared.bus.event import Event, Record
from shared.bus.opening import open_carrier
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.contracts.topics import Topic
from shared.jobs import Job, supervise
from shared.kernel.ids import uuid7
from shared.postgres import Connection, Pool, connect, create_pool, transaction
from shared.settings import Settings

Kind: TypeAlias = Literal["kafka", "embedded"]

SCHEMA = "alpha"
TABLES = (Path(shared.bus.__file__).parent / "schema.sql").read_text(encoding="utf-8")


@dataclass
class World:
    """One service on one carrier. `seen` is its projection: what its handlers wrote, in the order they did."""

    settings: Settings
    carrier: Carrier
    pool: Pool
    outbox: Outbox
    topic: str
    kind: str
    bad: set[tuple[str, int]] = field(default_factory=set)
    operator: "Connection | None" = None

    def event(
        self, subject: UUID | str, sequence: int, *, key: str = "110108.001", kind: str = "thing.done.v1"
    ) -> Event:
        data = b'{"n":%d}' % sequence
        return Event(self.topic, key, uuid7(), kind, subject, sequence, key, None, datetime.now(UTC), data)

    async def publish(self, *events: Event) -> None:
        async with transaction(self.pool) as tx:
            await self.outbox.add(tx, events)
        self.outbox.ring()

    def relay(self) -> Job:
        return self.carrier.relay_job(self.pool, self.outbox)

    def reader(self, group: str, handler: Handler | None = None, **more: object) -> Job:
        return self.carrier.consumer_job(self.pool, self.subscription(group, handler, **more))

    def subscription(self, group: str, handler: Handler | None = None, **more: object) -> Subscription:
        own = f"{group}.{self.topic}"
        return Subscription(own, SCHEMA, {self.topic: handler or self.write(group)}, **more)  # type: ignore[arg-type]

    def write(self, group: str) -> Handler:
        """The handler that writes what it is given, and fails for what is in `bad`."""

        async def handler(tx: Connection, records: Sequence[Record]) -> None:
            await tx.execute(
                f"""INSERT INTO {SCHEMA}.seen (grp, subject, sequence, type, traceparent)
                    SELECT $1, * FROM unnest($2::text[], $3::int[], $4::text[], $5::text[])""",
                group,
                [r.subject for r in records],
                [r.sequence for r in records],
                [r.type for r in records],
                [r.traceparent for r in records],
            )
            for record in records:
                if (record.subject, record.sequence) in self.bad:
                    raise ValueError(f"cannot apply {record.sequence}")

        return handler

    async def seen(self, group: str = "g") -> list[tuple[str, int]]:
        rows = await self.pool.fetch(f"SELECT subject, sequence FROM {SCHEMA}.seen WHERE grp = $1 ORDER BY n", group)
        return [(row["subject"], row["sequence"]) for row in rows]

    async def sequences(self, subject: object, group: str = "g") -> list[int]:
        return [sequence for name, sequence in await self.seen(group) if name == str(subject)]

    async def parked(self) -> list[tuple[str, int, str]]:
        rows = await self.pool.fetch(
            f"SELECT subject, sequence, reason FROM {SCHEMA}.inbox_parked ORDER BY subject, sequence"
        )
        return [(row["subject"], row["sequence"], row["reason"]) for row in rows]

    def connection(self) -> Connection:
        """An operator's own connection; it goes with the world."""
        assert self.operator is not None
        return self.operator

    async def waiting(self) -> int:
        return int(await self.pool.fetchval(f"SELECT count(*) FROM {SCHEMA}.outbox"))

    @asynccontextmanager
    async def running(self, *jobs: Job) -> AsyncIterator[None]:
        """The jobs, until the block ends; then they drain."""
        stop = asyncio.Event()
        task = asyncio.create_task(supervise(jobs, stop))
        try:
            yield
        finally:
            stop.set()
            await task


async def eventually(what: Callable[[], Awaitable[object]], wanted: object = True, *, seconds: float = 15.0) -> None:
    """Until `await what()` is `wanted`; the last answer is in the failure."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await what()
        if found == wanted:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"still {found!r} after {seconds} s, wanted {wanted!r}")
        await asyncio.sleep(0.02)


async def prepare(pool: Pool, schema: str = SCHEMA) -> None:
    """The bus's tables and the projection."""
    async with transaction(pool) as tx:
        await tx.execute(TABLES.replace("{schema}", schema))
        await tx.execute(
            f"""CREATE TABLE {schema}.seen (n bigint GENERATED ALWAYS AS IDENTITY, grp text NOT NULL,
                subject text NOT NULL, sequence int NOT NULL, type text NOT NULL, traceparent text)"""
        )


@asynccontextmanager
async def a_world(kind: Kind, dsn: str, bootstrap: str) -> AsyncIterator[World]:
    """A world on the database `dsn` and, for Kafka, the broker `bootstrap`."""
    settings = Settings(environment="test", database_url=dsn, carrier=kind, kafka_bootstrap=bootstrap)
    carrier = open_carrier(settings)
    topic = Topic(f"wangge.alpha.{uuid4().hex}.v1", "alpha")
    pool = await create_pool(dsn, name="test", size=20)
    operator = None
    try:
        await prepare(pool)
        await carrier.create_topics([topic])
        operator = await connect(dsn, name="operator")
        yield World(settings, carrier, pool, Outbox(SCHEMA, Wake()), topic.name, kind, operator=operator)
    finally:
        if operator is not None:
            await operator.close()
        await carrier.close()
        await pool.close()
