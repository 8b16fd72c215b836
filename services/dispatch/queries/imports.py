"""Past imports of old systems' cases."""

from services.dispatch.store import history
from services.dispatch.store.history import PastImport
from shared.postgres import ACQUIRE_SECONDS, Pool

__all__ = ["PastImport", "past_imports"]


async def past_imports(pool: Pool, limit: int) -> list[PastImport]:
    """The newest first."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        return await history.imports(connection, limit)
