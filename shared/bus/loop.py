"""The consumer loop: read a batch, apply it, for as long as the process lives. The same for both carriers."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from shared.bus.carrier import CarrierRefused
from shared.bus.consumer import Subscription
from shared.bus.inbox import Fenced, Inbox, Slice, is_temporary
from shared.bus.trouble import Trouble, dedicated, is_cancelled
from shared.jobs import pause
from shared.kernel.errors import Unavailable
from shared.postgres import Connection, Pool

log = structlog.get_logger()

BATCH = 1000
REFUSED_SECONDS = 2.0
# A frozen reader's transaction and session end by themselves, so that its heir need not wait for it.
SETTINGS = {
    "idle_session_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "3s",
    "statement_timeout": "30s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


class Source(Protocol):
    """The carrier's part: one member of one group."""

    async def attach(self, connection: Connection) -> None:
        """Begin, or begin again, from the progress in Postgres. `connection` is the reader's while it lives."""

    async def fetch(self, connection: Connection) -> Sequence[Slice]:
        """The next records after those of the last `fetch`, at once if there are any; nothing after a short wait."""

    def applied(self, slices: Sequence[Slice]) -> None:
        """They are committed."""

    async def close(self) -> None: ...


class Reader:
    """One subscription's reader in this process."""

    def __init__(
        self,
        pool: Pool,
        subscription: Subscription,
        source: Callable[[], Source],
        trouble: Trouble,
        refused: dict[str, CarrierRefused],
    ) -> None:
        self._pool = pool
        self._subscription = subscription
        self._source = source
        self._trouble = trouble
        self._refused = refused
        self._name = f"{subscription.schema}:{subscription.group}"
        self._inbox = Inbox(subscription)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: the batch in hand is finished first."""
        while not stop.is_set():
            source = self._source()
            try:
                await self._read(source, stop)
            except CarrierRefused as refused:
                if self._name not in self._refused:
                    log.error("refused to read", group=self._subscription.group, reason=str(refused))
                self._refused[self._name] = refused
                await pause(stop, REFUSED_SECONDS)
            except asyncio.CancelledError as error:
                if is_cancelled():
                    raise
                await self._trouble.wait_out(Unavailable(f"the carrier's client was cancelled {error}"), stop)
            except Exception as error:
                await self._trouble.wait_out(error, stop)
            finally:
                await source.close()

    async def _read(self, source: Source, stop: asyncio.Event) -> None:
        """With one source, over as many connections as it takes. Ends by `stop`, or by an error of the carrier."""
        while not stop.is_set():
            try:
                async with dedicated(self._pool, SETTINGS) as connection:
                    await source.attach(connection)
                    while not stop.is_set():
                        slices = await source.fetch(connection)
                        self._refused.pop(self._name, None)
                        self._trouble.over()
                        if slices:
                            await self._apply(source, connection, slices)
            except CarrierRefused:
                raise
            except Fenced:
                log.info("another reader went on from here", group=self._subscription.group)
            except Exception as error:
                if not is_temporary(error):
                    raise
                await self._trouble.wait_out(error, stop)

    async def _apply(self, source: Source, connection: Connection, slices: Sequence[Slice]) -> None:
        try:
            await self._inbox.apply(connection, slices)
        except Exception as error:
            if isinstance(error, Fenced) or is_temporary(error):
                raise
            await self._inbox.apply(connection, slices, carefully=True)
        source.applied(slices)
