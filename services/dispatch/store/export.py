"""Cases row by row for a file: one snapshot, a server-side cursor, memory for one step of it."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from services.dispatch.store.wanted import CUSTOM_PLAN, PARAMETERS, Sight, Wanted, forms, parameters
from shared.postgres import Connection

STEP = 500
# A client that takes nothing for so long loses its export, and the connection goes to others.
PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '60s'"

COUNT = forms(f"SELECT count(*) FROM (SELECT FROM {{cases}} WHERE {{matching}} LIMIT ${PARAMETERS + 1}) AS matching")
ROWS = forms("""
    SELECT c.number, c.status, c.category, c.condition, c.area, c.lon, c.lat, c.description, c.source, c.unit,
           array_to_string(c.assisting, ' ') AS assisting, c.occurred_at, c.opened_at, c.due_at, c.ended_at, c.overdue,
           c.warned, c.result, c.verified, c.passed, c.id, array_to_string(c.reports, ' ') AS reports
      FROM {cases}
     WHERE {matching}
     ORDER BY c.id DESC
""")


async def prepare(tx: Connection, sight: Sight, wanted: Wanted, most: int) -> int:
    """How many cases there are, counted to one more than `most`."""
    await tx.execute(f"{CUSTOM_PLAN}; {PATIENCE}")
    found: int = await tx.fetchval(COUNT.of(wanted), *parameters(sight, wanted), most + 1)
    return found


async def rows(tx: Connection, sight: Sight, wanted: Wanted) -> AsyncIterator[list[asyncpg.Record]]:
    """The cases, newest first, STEP at a time."""
    cursor: Any = await tx.cursor(ROWS.of(wanted), *parameters(sight, wanted))
    while step := await cursor.fetch(STEP):
        yield step
