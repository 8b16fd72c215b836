"""Cases row by row for a file: one snapshot, a server-side cursor, memory for one step of it."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg

from services.dispatch.store.wanted import PARAMETERS, Sight, Wanted, forms, prepared
from shared.postgres import Connection

# 10 ms of making lines, then others get their turn.
STEP = 200
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


class Prepared(NamedTuple):
    """An export that is about to begin: how many cases it has, counted to one more than it may have."""

    cases: int
    statement: str
    given: tuple[Any, ...]


async def prepare(tx: Connection, sight: Sight, wanted: Wanted, most: int) -> Prepared:
    """Count what would come."""
    await tx.execute(PATIENCE)
    count, given = await prepared(tx, sight, wanted, COUNT)
    cases = await tx.fetchval(count, *given, most + 1)
    return Prepared(cases, *await prepared(tx, sight, wanted, ROWS))


async def rows(tx: Connection, export: Prepared) -> AsyncIterator[list[asyncpg.Record]]:
    """The cases, newest first, STEP at a time."""
    cursor: Any = await tx.cursor(export.statement, *export.given)
    while step := await cursor.fetch(STEP):
        yield step
