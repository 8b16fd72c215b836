"""Checkpoints of the audit trail: made by one at a time, from what is pending."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from services.dispatch.audit.checkpoint import Checkpoint, Entry
from shared.postgres import Connection

TRY_TURN = "SELECT pg_try_advisory_xact_lock($1)"
WAIT_TURN = "SELECT pg_advisory_xact_lock($1) IS NOT NULL"
_TURN = crc32(b"wangge-audit-checkpoint")

_COLUMNS_PART = ", ".join(Checkpoint._fields)

LAST = f"""
    SELECT clock_timestamp() AS now, c.*
      FROM (SELECT) AS always
      LEFT JOIN LATERAL (
           SELECT {_COLUMNS_PART} FROM dispatch.audit_checkpoints ORDER BY number DESC LIMIT 1) AS c ON true
"""

# A case that was pending and is gone gets an entry without a head, so that it is missed by its id.
TAKE = """
    WITH taken AS (
        DELETE FROM dispatch.audit_pending
         WHERE ctid = ANY (ARRAY(SELECT ctid FROM dispatch.audit_pending LIMIT $2))
        RETURNING case_id
    ), changed AS (
        SELECT DISTINCT case_id FROM taken
    ), seen AS (
        SELECT k.case_id, coalesce(e.version, 0) AS since, c.version, c.head
          FROM changed k
          LEFT JOIN dispatch.cases c ON c.id = k.case_id
          LEFT JOIN LATERAL (
               SELECT version FROM dispatch.audit_entries
                WHERE case_id = k.case_id ORDER BY checkpoint DESC LIMIT 1) AS e ON true
    )
    INSERT INTO dispatch.audit_entries (case_id, checkpoint, since, version, head)
    SELECT case_id, $1, since, coalesce(version, greatest(since, 1)), coalesce(head, '')
      FROM seen
     WHERE version IS NULL OR version > since
    RETURNING case_id, since, version, head
"""

ALL_SEALED = "SELECT NOT EXISTS (SELECT FROM dispatch.timeline WHERE mac IS NULL)"

ADD = f"""
    INSERT INTO dispatch.audit_checkpoints ({_COLUMNS_PART})
    VALUES ({", ".join(f"${n}" for n in range(1, len(Checkpoint._fields) + 1))})
"""

PAGE = f"""
    SELECT {_COLUMNS_PART} FROM dispatch.audit_checkpoints WHERE number > $1 ORDER BY number LIMIT $2
"""


class Last(NamedTuple):
    """The last checkpoint, if there is one, and the database's time."""

    checkpoint: Checkpoint | None
    now: datetime


async def take_turn(tx: Connection, wait: bool) -> bool:
    """Until the transaction ends nobody else makes a checkpoint. False, without `wait`: somebody else does."""
    mine: bool = await tx.fetchval(WAIT_TURN if wait else TRY_TURN, _TURN)
    return mine


async def last(tx: Connection) -> Last:
    """What the next checkpoint follows; read after the turn was had."""
    row = await tx.fetchrow(LAST)
    assert row is not None
    now, *found = row
    return Last(Checkpoint(*found) if found[0] is not None else None, now)


async def take(tx: Connection, number: int, limit: int) -> list[Entry]:
    """Up to `limit` pending changes as the entries of checkpoint `number`, in order of case_id."""
    rows = await tx.fetch(TAKE, number, limit)
    return sorted(Entry(UUID(int=row["case_id"].int), *list(row)[1:]) for row in rows)


async def all_sealed(tx: Connection) -> bool:
    """Whether no row of the timeline is without a mac. Reads the table up to the first of those."""
    sealed: bool = await tx.fetchval(ALL_SEALED)
    return sealed


async def add(tx: Connection, checkpoint: Checkpoint) -> None:
    await tx.execute(ADD, *checkpoint)


async def page(connection: Connection, after: int, limit: int) -> Sequence[Checkpoint]:
    """Checkpoints above number `after`, in order."""
    return [Checkpoint(*row) for row in await connection.fetch(PAGE, after, limit)]
