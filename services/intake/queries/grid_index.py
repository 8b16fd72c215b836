"""The index of grids, kept current: built from the table part by part in a thread, swapped in whole."""

import asyncio

import structlog

from services.intake.grids.index import PART, Grid, GridIndex, Grids, let_go, read_part
from services.intake.store import areas as store
from shared.jobs import Job
from shared.packs import Pack
from shared.polling import polling_job
from shared.postgres import Pool, transaction

log = structlog.get_logger()

# An import is seen by every replica within a second or so; the question costs one row.
POLL_SECONDS = 1.0


async def refresh_grids(pool: Pool, grids: Grids, level: str) -> bool:
    """Build and swap in a new index if the areas have another version than the one in use. True if it did.

    The event loop goes on meanwhile: rows come by the thousand, geometry is read and the old index freed in a thread in
    parts of a few milliseconds. Requests that hold the old index keep it to their end.
    """
    parts = []
    async with transaction(pool) as tx:
        # Read first: grids that are younger than this version are read again, older ones would stay.
        version = await store.head(tx)
        if version == grids.version:
            return False
        async for rows in store.grids_in_parts(tx, level, PART):
            parts.append(await asyncio.to_thread(lambda some: read_part([Grid(*row) for row in some]), rows))
    index = await asyncio.to_thread(GridIndex.of_parts, parts, version)
    del parts
    old = await asyncio.to_thread(grids.held_parts)
    grids.swap(index)
    log.info("grid index built", grids=len(index), areas_version=version)
    await asyncio.to_thread(let_go, old)
    return True


def grid_index_job(pool: Pool, grids: Grids, pack: Pack) -> Job:
    """Keeps the index current for as long as the process runs; in an outage the one in use stays."""
    level = pack.levels[-1].key
    grids.expected = True

    async def refresh() -> None:
        await refresh_grids(pool, grids, level)

    return polling_job("grid-index", refresh, every=POLL_SECONDS)
