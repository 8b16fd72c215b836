"""The log: appended under the lock of its head, read by position, swept from its oldest end.

Appending a batch takes the head's lock as late as possible, holds it until the commit and writes by COPY: asyncpg looks
at each element of an array for further dimensions, which was a tenth of notify's time. Measured with the tracking
projection, in one process on two busy cores, events of 660 bytes in batches of 100 to 1,000: 20,000 to 27,000 facts a
second, of which 25 µs each are ours.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.bus.event import Record
from shared.kernel.area import prefix_sql
from shared.postgres import Connection

TAKE = "UPDATE notify.head SET position = position + $1 RETURNING position - $1 + 1"
_COLUMNS = (
    "position",
    "type",
    "subject",
    "sequence",
    "routing_key",
    "routing_key_from",
    "category",
    "unit",
    "event",
)

_COLUMNS_PART = "position, type, subject, routing_key, routing_key_from, category, unit, event"

TAIL = f"SELECT {_COLUMNS_PART} FROM notify.log WHERE position > $1 ORDER BY position LIMIT $2"

# Within a window of positions, so that a page costs the same however little of it matches.
WINDOW = f"""
    SELECT {_COLUMNS_PART} FROM notify.log
     WHERE position > $1 AND position <= $2
       AND ({prefix_sql("routing_key", "$3")} OR {prefix_sql("routing_key_from", "$3")})
     ORDER BY position LIMIT $4
"""

ENDS = "SELECT (SELECT oldest FROM notify.kept) AS oldest, (SELECT position FROM notify.head) AS newest"

SWEEP = """
    WITH swept AS (
        DELETE FROM notify.log WHERE position IN (
            SELECT position FROM (SELECT position, appended_at FROM notify.log ORDER BY position LIMIT $2) AS first
             WHERE appended_at < $1
        ) RETURNING position
    ), last AS (
        SELECT max(position) AS position, count(*) AS rows FROM swept
    ), moved AS (
        UPDATE notify.kept SET oldest = greatest(oldest, last.position + 1) FROM last WHERE last.position IS NOT NULL
    )
    SELECT rows FROM last
"""


class Ends(NamedTuple):
    """First position kept (one past the newest when nothing is), and the newest given out."""

    oldest: int
    newest: int


class Row(NamedTuple):
    """One fact of the log."""

    position: int
    type: str
    subject: str
    routing_key: str
    routing_key_from: str | None
    category: str | None
    unit: str | None
    event: bytes


async def append(tx: Connection, records: Sequence[Record], facts: Sequence[dict[str, Any]]) -> None:
    """Add `records`, in their order, at the end of the log; `facts` are their data, already read."""
    events = [r.structured() for r in records]
    first = await tx.fetchval(TAKE, len(records))
    await tx.copy_records_to_table(
        "log",
        schema_name="notify",
        columns=_COLUMNS,
        records=[
            (n, r.type, r.subject, r.sequence, r.routing_key, r.routing_key_from, f.get("category"), f.get("unit"), e)
            for n, (r, f, e) in enumerate(zip(records, facts, events, strict=True), first)
        ],
    )


async def after(tx: Connection, position: int, limit: int) -> list[Row]:
    """The next facts after `position`."""
    return [Row(*row) for row in await tx.fetch(TAIL, position, limit)]


async def window(tx: Connection, position: int, upto: int, area: str, limit: int) -> list[Row]:
    """The first facts of `area` after `position` and not after `upto`."""
    return [Row(*row) for row in await tx.fetch(WINDOW, position, upto, area, limit)]


async def ends(tx: Connection) -> Ends:
    """Where the log begins and ends."""
    row = await tx.fetchrow(ENDS)
    assert row is not None
    return Ends(row["oldest"], row["newest"])


async def sweep(tx: Connection, before: datetime, limit: int) -> int:
    """Drop up to `limit` of the oldest facts, as far as they were appended before `before`; how many it were."""
    rows: int = await tx.fetchval(SWEEP, before, limit)
    return rows
