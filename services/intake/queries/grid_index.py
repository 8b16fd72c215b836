"""The index of grids, kept current: built from the table part by part in a thread, swapped in whole."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog

from services.intake.grids.index import PART, Grid, GridIndex, Grids, ReadGrids, let_go, read_part
from services.intake.store import areas as store
from shared.jobs import Job
from shared.packs import Pack
from shared.polling import polling_job
from shared.postgres import Pool, transaction

log = structlog.get_logger()

# An import is seen by every replica within a second or so; the question costs one row.
POLL_SECONDS = 1.0
# How long a thread that builds or frees an index keeps the interpreter when the event loop asks for it. Elsewhere that
# is 5 ms, and the longest pause was twice as long: 58 ms in the median of eight on a busy machine, 26 with this.
TURN_SECONDS = 0.001


async def refresh_grids(pool: Pool, grids: Grids, level: str) -> bool:
    """Build and swap in a new index if the areas have another version than the one in use. True if it did."""
    async with transaction(pool) as tx:
        # Read first: grids that are younger than this version are read again, older ones would stay.
        version = await store.head(tx)
        if version == grids.version:
            return False
        await swap_in(grids, store.grids_in_parts(tx, level, PART), version)
    log.info("grid index built", grids=len(grids.current), areas_version=version)
    return True


async def swap_in(grids: Grids, rows: AsyncIterator[Sequence[tuple[Any, ...]]], version: int) -> None:
    """Build an index of `rows` (path, geometry, centre; in path order) and put it in the place of the one in use.

    The event loop goes on meanwhile: rows come part by part, geometry is read and the old index freed in a thread, a
    part at a time. Requests that hold the old index keep it to their end.
    """
    with in_short_turns():
        with lasting():
            parts = [await asyncio.to_thread(_read, some) async for some in rows]
            index = await asyncio.to_thread(GridIndex.of_parts, parts, version)
            del parts
        old = await asyncio.to_thread(grids.held_parts)
        grids.swap(index)
        del index
        await asyncio.to_thread(let_go, old)


def _read(rows: Sequence[tuple[Any, ...]]) -> ReadGrids:
    return read_part([Grid(*row) for row in rows])


@contextmanager
def in_short_turns() -> Iterator[None]:
    """Threads give the interpreter up to the event loop sooner meanwhile."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def lasting() -> Iterator[None]:
    """What is made meanwhile, and stays, is never walked through by the collector of cycles.

    Each shape is an object that it knows of: two indexes of 120,000 would cost every full collection 12 ms on a machine
    at rest and 60 ms on a busy one, in the middle of requests. Shapes refer to nothing, so nothing is lost by it;
    cycles that other work drops in this second stay too, a few kilobytes for each version of the areas.
    """
    collecting = gc.isenabled()
    gc.collect(1)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def grid_index_job(pool: Pool, grids: Grids, pack: Pack) -> Job:
    """Keeps the index current for as long as the process runs; in an outage the one in use stays."""
    level = pack.levels[-1].key
    grids.expected = True

    async def refresh() -> None:
        await refresh_grids(pool, grids, level)

    return polling_job("grid-index", refresh, every=POLL_SECONDS)
