"""The audit trail as a check reads it: cases by id, with their timelines and their entries in checkpoints."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.dispatch.audit.chain import CHAINED, Birth
from services.dispatch.audit.checkpoint import Entry
from services.dispatch.audit.seen import CaseRow, Row
from shared.postgres import Connection

COUNT = "SELECT count(*) FROM dispatch.cases WHERE id >= $1"

FIND_NUMBER = "SELECT id FROM dispatch.cases WHERE number = $1"

# Instants that Python cannot hold were put there by hand; null is one that no row was written with.
_HELD_PART = "CASE WHEN {0} BETWEEN '0001-01-02' AND '9999-12-30' THEN {0} END AS {1}"

CASES = f"""
    SELECT id, number, report_id, born_in, source, {_HELD_PART.format("opened_at", "opened_at")},
           version, revision, status, head
      FROM dispatch.cases WHERE id >= $1 AND id <= $2 ORDER BY id LIMIT $3
"""

# $1 and $2: from the first case of a batch to the last, so that rows of cases that are gone are met as well.
_CHAINED_PART = ", ".join(CHAINED).replace("at,", _HELD_PART.format("at", "at") + ",", 1)
ROWS = f"""
    SELECT {_CHAINED_PART}, mac FROM dispatch.timeline
     WHERE case_id >= $1 AND case_id <= $2 ORDER BY case_id, version
"""

ENTRIES = """
    SELECT case_id, checkpoint, since, version, head FROM dispatch.audit_entries
     WHERE case_id >= $1 AND case_id <= $2 ORDER BY case_id, checkpoint
"""

# Every checkpoint from $1 on with its entries, and entries whose checkpoint is gone. Sorted on disk if need be.
ROOTS = """
    SELECT coalesce(c.number, e.checkpoint) AS number, c.root, c.cases, c.rows,
           e.case_id, e.since, e.version, e.head
      FROM (SELECT * FROM dispatch.audit_checkpoints WHERE number >= $1) AS c
      FULL JOIN (SELECT * FROM dispatch.audit_entries WHERE checkpoint >= $1) AS e ON e.checkpoint = c.number
     ORDER BY 1, e.case_id
"""

LAST_UUID = UUID(int=(1 << 128) - 1)
_NEVER = datetime.max


class Batch(NamedTuple):
    """Some cases in a row, what belongs to them, and the first id that is not of the batch; None after the last."""

    cases: dict[UUID, CaseRow]
    rows: dict[UUID, list[Row]]
    entries: dict[UUID, list[tuple[int, Entry]]]
    next: UUID | None


async def count(tx: Connection, first: UUID) -> int:
    """How many cases there are from id `first` on."""
    found: int = await tx.fetchval(COUNT, first)
    return found


async def find_number(tx: Connection, number: str) -> UUID | None:
    found: UUID | None = await tx.fetchval(FIND_NUMBER, number)
    return found


async def batch(tx: Connection, first: UUID, last: UUID, size: int) -> Batch:
    """Up to `size` cases between two ids, and everything of the timeline and the checkpoints between them."""
    found = await tx.fetch(CASES, first, last, size)
    full = len(found) == size
    until = found[-1]["id"] if full else last
    rows: dict[UUID, list[Row]] = {}
    for row in await tx.fetch(ROWS, first, until):
        *columns, mac = row
        rows.setdefault(columns[0], []).append(Row((str(columns[0]), *columns[1:]), mac))
    entries: dict[UUID, list[tuple[int, Entry]]] = {}
    for case_id, checkpoint, *entry in await tx.fetch(ENTRIES, first, until):
        entries.setdefault(case_id, []).append((checkpoint, Entry(case_id, *entry)))
    after = UUID(int=until.int + 1) if full and until.int < last.int else None
    return Batch({row["id"]: _case(row) for row in found}, rows, entries, after)


def _case(row: asyncpg.Record) -> CaseRow:
    birth = Birth(
        UUID(int=row["id"].int),
        row["number"],
        UUID(int=row["report_id"].int),
        row["born_in"],
        row["source"],
        row["opened_at"] or _NEVER,
    )
    return CaseRow(birth, row["version"], row["revision"], row["status"], row["head"])


def entries_from(tx: Connection, checkpoint: int) -> "asyncpg.cursor.CursorFactory[asyncpg.Record]":
    """Entries in order of checkpoint and case, each with what its checkpoint states; nulls where there is only one."""
    return tx.cursor(ROOTS, checkpoint, prefetch=2000)


def ids(batch: Batch) -> Sequence[UUID]:
    """Every case that the batch says something of, in order."""
    return sorted({*batch.cases, *batch.rows, *batch.entries})
