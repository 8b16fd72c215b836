"""Open cases as points of a map."""

from typing import Any, NamedTuple

from services.dispatch.store.wanted import OPEN_PART, PARAMETERS, Sight, Wanted, forms, prepared
from shared.postgres import Connection

_N = PARAMETERS
# The index gives the longitudes of the box and tells the latitude without the row.
WITHIN = forms(f"""
    SELECT c.id, c.number, c.status, c.category, c.unit, c.area, c.lon, c.lat, c.opened_at, c.due_at, c.overdue,
           c.warned, c.revision
      FROM {{cases}}
     WHERE {{matching}}
       AND {OPEN_PART} AND c.lon BETWEEN ${_N + 1} AND ${_N + 3} AND c.lat BETWEEN ${_N + 2} AND ${_N + 4}
     ORDER BY c.waits_until, c.id
     LIMIT ${_N + 5}
""")


class Box(NamedTuple):
    """West, south, east, north: WGS 84 degrees, edges included."""

    west: float
    south: float
    east: float
    north: float


async def within(tx: Connection, sight: Sight, wanted: Wanted, box: Box, limit: int) -> list[dict[str, Any]]:
    """The most urgent `limit` open cases in the box."""
    statement, given = await prepared(tx, sight, wanted, WITHIN)
    return [dict(row) for row in await tx.fetch(statement, *given, *box, limit)]
