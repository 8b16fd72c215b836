"""The calendars that were ever published, and in which order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.postgres import Connection

# Publications take turns, so that an edition is seen by nobody before the ones it follows.
TURN = "LOCK TABLE dispatch.calendars IN SHARE ROW EXCLUSIVE MODE"
LAST = "SELECT coalesce(max(edition), 0) FROM dispatch.calendars"
ALL = "SELECT edition, area, version, days, published_at FROM dispatch.calendars ORDER BY edition"
ADD = """
    INSERT INTO dispatch.calendars (edition, area, version, days)
    SELECT coalesce(max(edition), 0) + 1, $1, $2, $3 FROM dispatch.calendars
    RETURNING edition
"""
# Those of ended cases are no longer in the index: nobody waits for them.
WAITING = """
    SELECT count(*) FROM dispatch.cases
     WHERE provisional_edition < $1 AND status NOT IN ('rejected', 'closed', 'voided')
"""


class CalendarRow(NamedTuple):
    """One publication. `days` is the calendar as a pack has it."""

    edition: int
    area: str
    version: str
    days: dict[str, Any]
    published_at: datetime


async def take_turn(tx: Connection) -> None:
    """Wait until nobody else publishes; readers are not kept waiting."""
    await tx.execute(TURN)


async def last_edition(connection: Connection) -> int:
    """The number of publications so far."""
    edition: int = await connection.fetchval(LAST)
    return edition


async def every(connection: Connection) -> Sequence[CalendarRow]:
    """All publications, the first one first."""
    return [CalendarRow(*row) for row in await connection.fetch(ALL)]


async def add(tx: Connection, area: str, version: str, days: dict[str, Any]) -> int:
    """Add one, after `take_turn`. Returns its edition."""
    edition: int = await tx.fetchval(ADD, area, version, days)
    return edition


async def waiting(connection: Connection, edition: int) -> int:
    """How many open cases have a deadline that `edition` may move and that was not looked at since."""
    found: int = await connection.fetchval(WAITING, edition)
    return found
