"""Stream tickets: by hash, for a minute."""

from datetime import datetime
from typing import Any

from shared.postgres import Connection

ADD = "INSERT INTO notify.stream_tickets (hash, holder, expires_at) VALUES ($1, $2, $3)"

FIND = "SELECT holder FROM notify.stream_tickets WHERE hash = $1 AND expires_at > $2"

SWEEP = """
    DELETE FROM notify.stream_tickets WHERE hash IN (
        SELECT hash FROM notify.stream_tickets WHERE expires_at <= $1
         ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


async def add(tx: Connection, hash_: bytes, holder: dict[str, Any], expires_at: datetime) -> None:
    """A new ticket of `holder`."""
    await tx.execute(ADD, hash_, holder, expires_at)


async def find(tx: Connection, hash_: bytes, now: datetime) -> dict[str, Any] | None:
    """Whose ticket this is, if it is one and still good."""
    holder: dict[str, Any] | None = await tx.fetchval(FIND, hash_, now)
    return holder


async def sweep(tx: Connection, now: datetime, limit: int) -> int:
    """Drop up to `limit` tickets that have ended; how many it were."""
    return int((await tx.execute(SWEEP, now, limit)).split()[-1])
