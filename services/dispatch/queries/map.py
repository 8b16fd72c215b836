"""Open cases on a map."""

from typing import Any, NamedTuple

from services.dispatch.store import map as points
from services.dispatch.store.map import Box
from services.dispatch.store.wanted import Sight, Wanted
from shared.postgres import Pool, transaction

__all__ = ["Box", "Points", "points_within"]


class Points(NamedTuple):
    """Rows of cases; `truncated`: the box holds more, less urgent ones."""

    rows: list[dict[str, Any]]
    truncated: bool


async def points_within(pool: Pool, sight: Sight, wanted: Wanted, box: Box, limit: int) -> Points:
    """Open cases in the box, the most urgent first."""
    async with transaction(pool) as tx:
        found = await points.within(tx, sight, wanted, box, limit + 1)
    return Points(found[:limit], len(found) > limit)
