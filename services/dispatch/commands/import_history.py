"""Take in the closed cases of an old system 历史案卷导入: a batch a transaction, from where it stands."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from services.dispatch.history.batches import Batch, Mask, Plan, batches
from services.dispatch.history.rows import Places
from services.dispatch.store import history as store
from services.dispatch.store import history_rows
from services.dispatch.store.history import Standing
from services.dispatch.wiring import Wired
from shared.imports.beside import beside
from shared.imports.reading import Source
from shared.imports.refused import errors_header, is_whole, put_aside, refused_rows
from shared.jobs import supervise
from shared.kernel.clock import utc_now
from shared.kernel.errors import Conflict
from shared.postgres import transaction

# The facts that an import lets wait in the outbox at the most, its own batch included: what happens in the city
# meanwhile waits behind them, some two seconds.
OUTBOX_ROOM = 20_000
# An import that was killed leaves its lock as soon as the server has noticed.
PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.02


class ImportUnderWay(Conflict):
    slug, title, title_zh = "import-under-way", "Another import of this system is under way", "该系统的导入正在进行"


class ImportMoved(Conflict):
    slug, title, title_zh = "import-moved", "Another process went on with this import", "该导入已被其他进程推进"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be imported. `errors` is where refused rows go; `size` rows are one transaction."""

    source: Source
    system: str
    errors: Path
    places: Places
    mask: Mask
    any_unit: bool = False
    size: int = 5_000


class Progress(NamedTuple):
    """How far it is: `line` of the file; `waiting` while the relay has to catch up first."""

    line: int
    standing: Standing
    waiting: bool = False


Told = Callable[[Progress], None]


async def import_history(wired: Wired, asked: Asked, told: Told = lambda progress: None) -> Standing:
    """All of the file that is right becomes cases, each once, however often this is called, stopped and called again.

    While it runs it moves facts out of the outbox too, so that it needs no worker beside it, and at the end none of
    its facts wait there. Raises ImportUnderWay, ImportMoved, ReaderEnded, and what the database or the disk raises.
    """
    async with _alone(wired, asked.system), _relaying(wired):
        standing = await _standing(wired, asked)
        with refused_rows(asked.errors, errors_header(asked.source), standing.errors_bytes) as refused:
            async with contextlib.aclosing(beside(batches, await _plan(wired, asked, standing.rows_done))) as found:
                async for batch in found:
                    await _room(wired, asked.size, partial(told, Progress(batch.line, standing, waiting=True)))
                    refused.write(batch.errors)
                    standing = await _store(wired, standing, batch, refused.length)
                    wired.outbox.ring()
                    told(Progress(batch.line, standing))
        async with wired.pool.acquire() as connection:
            await store.finish(connection, standing.id)
            while await store.ours_wait(connection):
                told(Progress(asked.source.lines, standing, waiting=True))
                await asyncio.sleep(_LOOK_SECONDS)
    return standing


async def check_history(wired: Wired, asked: Asked, told: Told = lambda progress: None) -> Standing:
    """What `import_history` would do, without a trace but for the file of refused rows. Raises as that does."""
    standing = Standing(0)
    put_aside(asked.errors)
    with refused_rows(asked.errors, errors_header(asked.source), 0) as refused:
        async with contextlib.aclosing(beside(batches, await _plan(wired, asked, 0))) as found:
            async for batch in found:
                refused.write(batch.errors)
                async with transaction(wired.pool) as tx:
                    known = await store.known(tx, _ids(batch))
                standing = _after(standing, batch, len(known), refused.length)
                told(Progress(batch.line, standing))
    return standing


async def _standing(wired: Wired, asked: Asked) -> Standing:
    """Where the import of this file was cut short, or a new one: also when its refused rows are not there any more."""
    async with transaction(wired.pool) as tx:
        found = await store.unfinished(tx, asked.system, asked.source.sha256)
        if found is not None:
            if is_whole(asked.errors, found.errors_bytes):
                return found
            await store.finish(tx, found.id)
        begun = await store.begin(tx, asked.system, str(asked.source.path), asked.source.sha256)
    put_aside(asked.errors)
    return begun


async def _plan(wired: Wired, asked: Asked, rows_done: int) -> Plan:
    async with wired.pool.acquire() as connection:
        codes = await store.unit_codes(connection)
    units = frozenset(codes) | frozenset(wired.rules.units)
    pack, now = wired.settings.pack, utc_now()
    return Plan(
        asked.source,
        asked.system,
        pack,
        units,
        asked.any_unit,
        asked.places,
        asked.mask,
        now,
        asked.size,
        wired.audit.current,
        rows_done,
    )


async def _room(wired: Wired, size: int, told: Callable[[], None]) -> None:
    """Wait until the outbox has room for a batch of `size`; `told` hears that it has none yet."""
    room = OUTBOX_ROOM - size
    async with wired.pool.acquire() as connection:
        while await store.waiting(connection, room + 1) > room:
            told()
            await asyncio.sleep(_LOOK_SECONDS)


async def _store(wired: Wired, before: Standing, batch: Batch, errors_bytes: int) -> Standing:
    """One transaction: cases, timelines, facts, and that they are settled."""
    async with transaction(wired.pool) as tx:
        known = await store.known(tx, _ids(batch))
        after = _after(before, batch, len(known), errors_bytes)
        if not await store.advance(tx, before, after):
            raise ImportMoved("another process went on with this import; start it again to see how far it came")
        if batch.new_units:
            await store.add_retired_units(tx, batch.new_units)
        if len(known) < batch.cases:
            await history_rows.add(tx, history_rows.without(batch.tables, known) if known else batch.tables)
    return after


def _ids(batch: Batch) -> list[UUID]:
    return [UUID(bytes=batch.ids[at : at + 16]) for at in range(0, len(batch.ids), 16)]


def _after(before: Standing, batch: Batch, known: int, errors_bytes: int) -> Standing:
    return before._replace(
        rows_done=batch.rows_done,
        imported=before.imported + batch.cases - known,
        known=before.known + known,
        refused=before.refused + batch.refused,
        errors_bytes=errors_bytes,
    )


@contextlib.asynccontextmanager
async def _alone(wired: Wired, system: str) -> AsyncIterator[None]:
    """No other import of this system. One that was killed a moment ago is waited for."""
    async with wired.pool.acquire() as connection:
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not await store.lock_system(connection, system):
            if asyncio.get_running_loop().time() > until:
                raise ImportUnderWay(f"another process is importing cases of {system}: wait for its end")
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            connection.terminate()  # the lock goes with its connection


@contextlib.asynccontextmanager
async def _relaying(wired: Wired) -> AsyncIterator[None]:
    """A relay of this process, beside those of the workers, if there are any."""
    stop = asyncio.Event()
    job = wired.carrier.relay_job(wired.pool, wired.outbox)
    relay = asyncio.create_task(supervise([job], stop, drain_seconds=wired.settings.drain_seconds))
    try:
        yield
    finally:
        stop.set()
        await relay
