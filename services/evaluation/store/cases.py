"""The wide rows: read, folded elsewhere, written back; and put right after a rebuild."""

import types
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import get_args, get_type_hints
from uuid import UUID

from services.evaluation.domain.case_count import CaseCount
from shared.postgres import Connection

COLUMNS_PART = ", ".join(f'"{name}"' for name in CaseCount._fields)
_KINDS = {UUID: "uuid", str: "text", datetime: "timestamptz", int: "int"}


def _kind(hint: object) -> str:
    plain = next(a for a in get_args(hint) if a is not types.NoneType) if get_args(hint) else hint
    return _KINDS[plain]  # type: ignore[index]


_ARRAYS = ", ".join(f"${n}::{_kind(hint)}[]" for n, hint in enumerate(get_type_hints(CaseCount).values(), start=1))
_SET = ", ".join(f'"{name}" = excluded."{name}"' for name in CaseCount._fields if name != "case_id")

# Counting shares it, a rebuild has it alone: rows are never folded from while they are put right.
TURN_OF_COUNTING = "SELECT pg_advisory_xact_lock_shared(hashtextextended('wangge.evaluation.cases', 0))"
TURN_OF_REBUILD = "SELECT pg_advisory_xact_lock(hashtextextended('wangge.evaluation.cases', 0))"

GET = f"SELECT {COLUMNS_PART} FROM evaluation.cases WHERE case_id = ANY($1::uuid[])"

SAVE = f"""
    INSERT INTO evaluation.cases AS c ({COLUMNS_PART}) SELECT * FROM unnest({_ARRAYS})
    ON CONFLICT (case_id) DO UPDATE SET {_SET} WHERE c.version < excluded.version
"""

# The shadow lives for one transaction, so these are not prepared ahead.
_SHADOW = "CREATE TEMPORARY TABLE cases_rebuilt (LIKE evaluation.cases, PRIMARY KEY (case_id)) ON COMMIT DROP"
_ANALYZE = "ANALYZE cases_rebuilt"
_BEYOND = """
    SELECT c.case_id, coalesce(s.version, 0) + 1 AS version
      FROM evaluation.cases c LEFT JOIN cases_rebuilt s USING (case_id)
     WHERE c.version > coalesce(s.version, 0) ORDER BY 1 LIMIT 1
"""
_REMOVE = """
    DELETE FROM evaluation.cases c WHERE NOT EXISTS (SELECT FROM cases_rebuilt s WHERE s.case_id = c.case_id)
"""
_REPLACE = f"""
    INSERT INTO evaluation.cases ({COLUMNS_PART})
    SELECT s.* FROM (SELECT {COLUMNS_PART} FROM cases_rebuilt) s LEFT JOIN evaluation.cases c USING (case_id)
     WHERE c.case_id IS NULL
        OR ROW({", ".join(f's."{name}"' for name in CaseCount._fields)})
           IS DISTINCT FROM ROW({", ".join(f'c."{name}"' for name in CaseCount._fields)})
    ON CONFLICT (case_id) DO UPDATE SET {_SET}
"""
# A rebuild of 10⁶ cases takes minutes; the pool's own limits are for requests.
_LONG = 3600.0


async def take_turn_of_counting(tx: Connection) -> None:
    """Wait for a rebuild to end. Its own statement: the next one must see what the rebuild committed."""
    await tx.execute(TURN_OF_COUNTING)


async def take_turn_of_rebuild(tx: Connection) -> None:
    """Wait for the batches in flight, and hold the consumers off until this transaction ends."""
    await tx.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
    await tx.execute("SET LOCAL lock_timeout = '60s'")
    await tx.execute(TURN_OF_REBUILD, timeout=_LONG)


async def get(tx: Connection, case_ids: Iterable[UUID]) -> dict[UUID, CaseCount]:
    rows = await tx.fetch(GET, list(case_ids))
    return {row["case_id"]: CaseCount._make(row.values()) for row in rows}


async def save(tx: Connection, counts: Sequence[CaseCount]) -> None:
    """Insert or replace whole rows, one round trip; a row that is already further on stays."""
    await tx.execute(SAVE, *zip(*counts, strict=True))


async def open_shadow(tx: Connection) -> None:
    await tx.execute(_SHADOW)


async def fill_shadow(tx: Connection, counts: Sequence[CaseCount]) -> None:
    await tx.copy_records_to_table("cases_rebuilt", records=counts, columns=CaseCount._fields, timeout=_LONG)


async def beyond_shadow(tx: Connection) -> tuple[UUID, int] | None:
    """A case whose row has counted more facts than the shadow found, and the first version that is not there."""
    await tx.execute(_ANALYZE, timeout=_LONG)
    row = await tx.fetchrow(_BEYOND, timeout=_LONG)
    return (row["case_id"], row["version"]) if row else None


async def swap_in_shadow(tx: Connection) -> int:
    """Make the rows those of the shadow, writing only what differs. Returns how many rows were not right.

    Readers see the old rows until the commit; nothing is locked against them.
    """
    removed = await tx.execute(_REMOVE, timeout=_LONG)
    replaced = await tx.execute(_REPLACE, timeout=_LONG)
    return int(removed.rpartition(" ")[2]) + int(replaced.rpartition(" ")[2])
