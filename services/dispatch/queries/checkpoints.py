"""Checkpoints of the audit trail as they are copied out."""

from services.dispatch.queries.cases import Page, version_cursor
from services.dispatch.store import checkpoints
from shared.http import encode_cursor
from shared.postgres import ACQUIRE_SECONDS, Pool


async def list_checkpoints(pool: Pool, cursor: str | None, limit: int) -> Page:
    """By number, from the first on. Raises BadCursor."""
    after = version_cursor(cursor)
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        found = await checkpoints.page(connection, after, limit + 1)
    more = encode_cursor(found[limit - 1].number) if len(found) > limit else None
    return Page([each.shown() for each in found[:limit]], more)
