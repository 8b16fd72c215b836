"""Moves facts from an outbox to the carrier: in order, each at least once, by one relay a shard.

A relay holds its shards by session advisory locks on one connection of its own, so that they are free the moment the
connection ends, however it ends: by a crash, a cut, or the server ending it because a frozen process asked for nothing
for ten seconds. Live relays of a service count each other by a shared lock and divide the shards evenly.
"""

import asyncio
import math
import random
from collections.abc import Sequence
from typing import Protocol
from zlib import crc32

import structlog

from shared import telemetry
from shared.bus.event import SHARDS
from shared.bus.outbox import Outbox
from shared.bus.trouble import Trouble, dedicated, is_cancelled
from shared.kernel.errors import Unavailable
from shared.postgres import Connection, Pool

log = structlog.get_logger()

FROZEN_AFTER = "10s"
PRESENCE = 99
BALANCE_SECONDS = 1.0
# Idle: an empty read takes 0.1 ms (measured, both carriers); a fact of another process waits half of this on average.
POLL_SECONDS = (0.010, 0.050)
# The relay's reads and deletes go by the outbox's one index, whatever the planner believes of a table that is nearly
# always empty: with a backlog of a million rows a sort of them at each read would be the end of it.
SETTINGS = {
    "idle_session_timeout": FROZEN_AFTER,
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # A delete that a crash of Postgres takes back is a fact that is published twice, which every inbox expects.
    "synchronous_commit": "off",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


class Mover(Protocol):
    """The carrier's part."""

    async def move(self, connection: Connection, schema: str, shards: Sequence[int]) -> int:
        """Move the oldest rows of `shards`, in order within each; how many. Rows that may not have arrived stay."""

    async def close(self) -> None: ...


class Relay:
    """One service's relay in this process."""

    def __init__(self, pool: Pool, outbox: Outbox, mover: Mover, trouble: Trouble) -> None:
        self._pool = pool
        self._outbox = outbox
        self._mover = mover
        self._trouble = trouble
        self._class = crc32(f"wangge-relay:{outbox.schema}".encode()) & 0x7FFFFFFF
        self.shards: list[int] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: then what is in hand is finished; what remains in the outbox is the next relay's."""
        try:
            while not stop.is_set():
                try:
                    async with dedicated(self._pool, SETTINGS) as connection:
                        await self._work(connection, stop)
                except asyncio.CancelledError as error:
                    if is_cancelled():
                        raise
                    await self._trouble.wait_out(Unavailable(f"the carrier's client was cancelled {error}"), stop)
                except Exception as error:
                    await self._trouble.wait_out(error, stop)
                finally:
                    self.shards = []
        finally:
            await self._mover.close()

    async def _work(self, connection: Connection, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        await connection.execute("SELECT pg_advisory_lock_shared($1, $2)", self._class, PRESENCE)
        balance_at = 0.0
        idle, longest = POLL_SECONDS
        with self._outbox.wake.listening() as bell:
            while not stop.is_set():
                if loop.time() >= balance_at:
                    await self._balance(connection)
                    balance_at = loop.time() + BALANCE_SECONDS * random.uniform(0.8, 1.2)
                moved = await self._mover.move(connection, self._outbox.schema, self.shards) if self.shards else 0
                self._trouble.over()
                if moved:
                    telemetry.count("wangge.facts.relayed", moved, service=self._outbox.schema)
                    idle = POLL_SECONDS[0]
                    continue
                await bell.wait(idle)
                idle = min(idle * 1.5, longest)

    async def _balance(self, connection: Connection) -> None:
        """Let go of what is above this relay's share and take what is free below it."""
        live = await connection.fetchval(
            """
            SELECT count(*) FROM pg_locks
             WHERE locktype = 'advisory' AND granted
               AND classid = $1::bigint::oid AND objid = $2::bigint::oid AND objsubid = 2
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """,
            self._class,
            PRESENCE,
        )
        share = math.ceil(SHARDS / max(1, live))
        before = list(self.shards)
        while len(self.shards) > share:
            await connection.execute("SELECT pg_advisory_unlock($1, $2)", self._class, self.shards.pop())
        if len(self.shards) < share:
            others = [shard for shard in range(SHARDS) if shard not in self.shards]
            for shard in random.sample(others, len(others)):
                if await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", self._class, shard):
                    self.shards.append(shard)
                    if len(self.shards) == share:
                        break
        if self.shards != before:
            self.shards.sort()
            log.info("relay holds shards", service=self._outbox.schema, shards=self.shards, relays=live)
