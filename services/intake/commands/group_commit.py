"""Group commit: reports posted at the same time share one transaction, and each sender is answered after it.

A writer takes all that waits and stores it with one statement; while that is under way the next group gathers. Where
reports of the group may be duplicates of others, a look at what is near comes before it.
Nobody waits for company: a report that comes alone is stored alone. A sender that hangs up, or is cancelled, leaves its
report in its group.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from types import MappingProxyType
from uuid import UUID

import asyncpg
import structlog

from services.intake.commands.find_duplicates import KINDS, beside, looked_at, sorted_out
from services.intake.domain.duplicates import Likenesses
from services.intake.store import clusters
from services.intake.store import reports as store
from services.intake.store.reports import Beside, Row
from shared import telemetry
from shared.bus.outbox import Outbox
from shared.idempotency import KeyReused, Stored, in_flight, same_request
from shared.jobs import Job
from shared.kernel.errors import Unavailable
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool, PooledConnection, is_outage

log = structlog.get_logger()

# A database that has not answered a group in this time is taken for gone: those waiting are told, and may send again.
ANSWER_SECONDS = 5.0
# How long a report waits for another replica that is carrying out the same Idempotency-Key, and how often it looks.
IN_FLIGHT_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 0.025


class QueueFull(Unavailable):
    slug, title, title_zh = "intake-full", "Too many reports are waiting to be stored", "待写入的上报过多"


class Stopping(Unavailable):
    slug, title, title_zh = "stopping", "This process is stopping", "服务正在停止"


class _Waiting:
    """One report and whoever waits for its answer. `until` is set once another replica was seen to hold its key."""

    __slots__ = ("answered", "row", "until")

    def __init__(self, row: Row, answered: "asyncio.Future[bytes]") -> None:
        self.row = row
        self.answered = answered
        self.until: float | None = None

    def answer(self, body: bytes) -> None:
        if not self.answered.done():  # done already: the sender was cancelled
            self.answered.set_result(body)

    def refuse(self, error: BaseException) -> None:
        if not self.answered.done():
            self.answered.set_exception(error)


class GroupWriter:
    """Stores a process's reports: `most` rows a transaction, `writers` of them at once, `room` for those waiting.

    `likenesses` say which of them are duplicates; none are, where it is empty.
    """

    def __init__(
        self,
        pool: Pool,
        outbox: Outbox,
        *,
        likenesses: Likenesses = MappingProxyType({}),
        most: int = 256,
        writers: int = 2,
        room: int = 4_096,
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self.likenesses = likenesses
        self._most = most
        self._writers = writers
        self._room = room
        self._queue: deque[_Waiting] = deque()
        self._bell = asyncio.Event()
        self._stopped = False

    async def write(self, row: Row) -> bytes:
        """The answer to `row`'s sender, once it is durable: `row.answer`, or what its key was answered before.

        Raises QueueFull, Stopping, KeyReused, InFlight; an outage of the database comes as it is.
        """
        if self._stopped:
            raise Stopping("nothing was stored; send the same request again", facts={"retry_after": 1})
        if len(self._queue) >= self._room:
            raise QueueFull(f"{self._room} reports are waiting; nothing was stored", facts={"retry_after": 1})
        waiting = _Waiting(row, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._bell.set()
        return await waiting.answered

    def job(self) -> Job:
        return Job("report-writer", self._run)

    async def _run(self, stop: asyncio.Event) -> None:
        self._stopped = False

        async def announce() -> None:
            await stop.wait()
            self._bell.set()

        async with asyncio.TaskGroup() as group:
            watch = group.create_task(announce())
            try:
                async with asyncio.TaskGroup() as writers:
                    for _ in range(self._writers):
                        writers.create_task(self._work(stop))
            finally:
                watch.cancel()
                self._stopped = stop.is_set()
                if self._stopped:
                    self._refuse_all(Stopping("nothing was stored; send the same request again"))

    async def _work(self, stop: asyncio.Event) -> None:
        connection: PooledConnection | None = None
        try:
            while True:
                while not self._queue:
                    if stop.is_set():
                        return
                    self._bell.clear()
                    await self._bell.wait()
                group = [self._queue.popleft() for _ in range(min(len(self._queue), self._most))]
                try:
                    if connection is None or _gone(connection):
                        connection = await self._connect(connection)
                    await self._store(connection, group)
                except BaseException as error:
                    self._fail(group, error)
                    if not is_outage(error):
                        raise
                    if connection is not None and not _gone(connection):
                        connection.terminate()
        finally:
            if connection is not None:
                await self._pool.release(connection)

    async def _connect(self, closed: PooledConnection | None) -> PooledConnection:
        # Kept from group to group: giving a connection back to the pool costs a round trip of its own.
        if closed is not None:
            await self._pool.release(closed)
        return await self._pool.acquire(timeout=ACQUIRE_SECONDS)

    def _fail(self, group: Sequence[_Waiting], error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            error = Stopping("the process ends; whether this was stored is not known: send it again with its key")
        elif is_outage(error):
            log.warning("reports could not be stored", waiting=len(group) + len(self._queue), error=repr(error))
            self._refuse_all(error)
        for waiting in group:
            waiting.refuse(error)

    def _refuse_all(self, error: BaseException) -> None:
        while self._queue:
            self._queue.popleft().refuse(error)

    async def _store(self, connection: Connection, group: Sequence[_Waiting]) -> None:
        """Store what `group` holds and answer each; a key that occurs twice in it is stored once."""
        first: dict[tuple[str, str | None], _Waiting] = {}
        again: list[_Waiting] = []
        unnamed: list[_Waiting] = []
        for waiting in group:
            if waiting.row.key is None:
                unnamed.append(waiting)
            elif first.setdefault((waiting.row.caller, waiting.row.key), waiting) is not waiting:
                again.append(waiting)
        left = await self._store_each(connection, [*unnamed, *first.values()])
        telemetry.count("wangge.reports.stored", len(unnamed) + len(first) - len(left))
        telemetry.count("wangge.reports.groups")
        self._outbox.ring()
        if left or again:
            await self._answer_again(connection, left, again)

    async def _store_each(self, connection: Connection, group: Sequence[_Waiting]) -> list[_Waiting]:
        """Store, bisecting around a row that the database refuses; those left out because of their key are returned."""
        rows = [waiting.row for waiting in group]
        try:
            if any(row.spot is not None for row in rows):
                answers = await self._sort_out(connection, rows)
            else:
                stored = await store.add_group(connection, rows, KINDS, Beside(), ANSWER_SECONDS)
                answers = {row.id: row.answer for row in rows if row.id in (stored or ())}
        except Exception as error:
            locked = isinstance(error, asyncpg.LockNotAvailableError)
            if is_outage(error) and not locked:
                raise
            if len(group) == 1:
                if isinstance(error, asyncpg.UniqueViolationError) and rows[0].key is not None:
                    return list(group)  # the key was used for something else at this very moment
                group[0].refuse(in_flight() if locked and group[0].row.key is not None else error)
                return []
            half = len(group) // 2
            left = await self._store_each(connection, group[:half])
            return left + await self._store_each(connection, group[half:])
        left = []
        for waiting in group:
            if waiting.row.id in answers:
                waiting.answer(answers[waiting.row.id])
            else:
                left.append(waiting)
        return left

    async def _sort_out(self, connection: Connection, rows: Sequence[Row]) -> dict[UUID, bytes]:
        """Store `rows`, each in its cluster; the answers of those that were stored, by their ids."""
        looked = looked_at(rows, self.likenesses)
        spots = beside(looked).spots
        while True:  # as long as others open clusters here: each time, one of them was stored
            near = await clusters.near(connection, spots, ANSWER_SECONDS)
            settled = sorted_out(rows, looked, near, self.likenesses)
            stored = await store.add_group(connection, settled, KINDS, beside(looked, near), ANSWER_SECONDS)
            if stored is not None:
                return {row.id: row.answer for row in settled if row.id in stored}

    async def _answer_again(self, connection: Connection, left: Sequence[_Waiting], again: Sequence[_Waiting]) -> None:
        """Answer those whose key was used before; those whose key is in use right now look again a little later."""
        waiting_for = {(w.row.caller, w.row.key or "") for w in (*left, *again)}
        answers = await store.find_answers(connection, sorted(waiting_for))
        loop = asyncio.get_running_loop()
        for waiting in (*left, *again):
            if waiting.row.key is None:  # it had joined one that was left out
                self._again(waiting)
                continue
            found = answers.get((waiting.row.caller, waiting.row.key or ""))
            if found is not None:
                try:
                    stored = Stored(found.request_hash, 201, None, found.body)
                    waiting.answer(same_request(stored, waiting.row.request_hash or b"").body)
                except KeyReused as reused:
                    waiting.refuse(reused)
                continue
            if waiting.until is None:
                waiting.until = loop.time() + IN_FLIGHT_SECONDS
            if loop.time() >= waiting.until or self._stopped:
                waiting.refuse(in_flight())
            else:
                loop.call_later(LOOK_AGAIN_SECONDS, self._again, waiting)

    def _again(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._bell.set()


def _gone(connection: PooledConnection) -> bool:
    """Closed; the pool has then taken it back already, and does not let it be asked anything any more."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True
