"""Keep what is counted of field work."""

from collections.abc import Sequence

from services.evaluation.store import activities as store
from services.evaluation.store.activities import Row
from shared.postgres import Connection


async def count_activities(tx: Connection, rows: Sequence[Row]) -> None:
    """Each activity once, however often its fact comes."""
    if rows:
        await store.add(tx, list({row.id: row for row in rows}.values()))
