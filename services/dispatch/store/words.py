"""Words of cases, read off the hot path: what waits to be read, and what was."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.postgres import Connection

# One reader at a time: a second would take the same notes, and wait for the first to find them gone.
TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('dispatch.case_words', 0))"

TAKE = """
    WITH taken AS (
        DELETE FROM dispatch.case_unread
         WHERE ctid = ANY (ARRAY (SELECT ctid FROM dispatch.case_unread LIMIT $1))
        RETURNING case_id
    ), named AS (
        SELECT case_id, count(*) AS times FROM taken GROUP BY case_id
    )
    SELECT n.times, c.id, c.number, c.description, c.attributes
      FROM named n LEFT JOIN dispatch.cases c ON c.id = n.case_id
"""

FORGET = "DELETE FROM dispatch.case_words WHERE case_id = ANY ($1::uuid[])"

_COLUMNS = ("case_id", "number", "words", "grams")


class Unread(NamedTuple):
    id: UUID
    number: str
    description: str
    attributes: dict[str, Any]


class Read(NamedTuple):
    """What is kept of a case's words; `grams` are the keys of `words`."""

    id: UUID
    number: str
    words: str
    grams: Sequence[int]


async def take(tx: Connection, limit: int) -> tuple[int, list[Unread]]:
    """Up to `limit` notes taken off, how many they were, and the cases they name; none while another worker reads."""
    if not await tx.fetchval(TURN):
        return 0, []
    rows = await tx.fetch(TAKE, limit)
    return sum(row["times"] for row in rows), [Unread(*row[1:]) for row in rows if row["id"]]


async def put(tx: Connection, read: Sequence[Read]) -> None:
    """Write what was read, in place of what was known before."""
    await tx.execute(FORGET, [each.id for each in read])
    await tx.copy_records_to_table("case_words", schema_name="dispatch", columns=_COLUMNS, records=read)
