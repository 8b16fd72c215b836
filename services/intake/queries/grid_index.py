"""The index of grids, kept current: built from the table in a thread, swapped in whole."""

import asyncio
from collections.abc import Sequence

import structlog

from services.intake.grids.index import Grid, GridIndex, Grids
from services.intake.store import areas as store
from shared.jobs import Job
from shared.packs import Pack
from shared.polling import polling_job
from shared.postgres import Pool

log = structlog.get_logger()

# An import is seen by every replica within a second or so; the question costs one row.
POLL_SECONDS = 1.0


async def refresh_grids(pool: Pool, grids: Grids, level: str) -> bool:
    """Build and swap in a new index if the areas have another version than the one in use. True if it did."""
    async with pool.acquire() as connection:
        version = await store.head(connection)
        if version == grids.version:
            return False
        found = await store.grids(connection, level)
    index = await asyncio.to_thread(_build, found, version)
    grids.swap(index)
    log.info("grid index built", grids=len(index), areas_version=version)
    return True


def _build(found: Sequence[tuple[str, bytes | None, object]], version: int) -> GridIndex:
    return GridIndex([Grid(*row) for row in found], version)  # type: ignore[arg-type]


def grid_index_job(pool: Pool, grids: Grids, pack: Pack) -> Job:
    """Keeps the index current for as long as the process runs; in an outage the one in use stays."""
    level = pack.levels[-1].key
    grids.expected = True

    async def refresh() -> None:
        await refresh_grids(pool, grids, level)

    return polling_job("grid-index", refresh, every=POLL_SECONDS)
