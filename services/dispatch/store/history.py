"""How far each import of an old system's cases came, and what it has to know on its way."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.contracts.dispatch import CaseImported
from shared.postgres import Connection

LOCK_SYSTEM = "SELECT pg_try_advisory_lock(hashtextextended('wangge.history ' || $1, 0))"
UNFINISHED = """
    SELECT id, rows_done, imported, known, refused, errors_bytes
      FROM dispatch.history_imports WHERE system = $1 AND sha256 = $2 AND finished_at IS NULL
       FOR UPDATE
"""
BEGIN = "INSERT INTO dispatch.history_imports (system, file, sha256) VALUES ($1, $2, $3) RETURNING id"
# The fence: an import goes on from where it stands, or not at all. It is the first thing that a batch writes, so that
# UNFINISHED waits for the last batch of an import that was killed.
ADVANCE = """
    UPDATE dispatch.history_imports
       SET rows_done = $3, imported = imported + $4, known = known + $5, refused = refused + $6, errors_bytes = $7
     WHERE id = $1 AND rows_done = $2 AND finished_at IS NULL
"""
FINISH = "UPDATE dispatch.history_imports SET finished_at = now() WHERE id = $1 AND finished_at IS NULL"
# One index probe a case, whatever the planner believes of a table that has just begun to grow.
BY_INDEX = "SET LOCAL enable_seqscan = off"
KNOWN = """
    SELECT n.place FROM unnest($1::uuid[]) WITH ORDINALITY AS n (report_id, place),
           LATERAL (SELECT FROM dispatch.cases c WHERE c.report_id = n.report_id OFFSET 0) AS c
"""
RETIRED_UNITS = """
    INSERT INTO dispatch.units (code, name_zh, name_en, dept, area, retired)
    SELECT code, code, code, '', '', true FROM unnest($1::text[]) AS n (code) ON CONFLICT (code) DO NOTHING
"""
UNIT_CODES = "SELECT code FROM dispatch.units"
WAITING = "SELECT count(*) FROM (SELECT FROM dispatch.outbox LIMIT $1) AS few"
OURS_WAIT = "SELECT EXISTS (SELECT FROM dispatch.outbox WHERE type = $1)"
IMPORTS = """
    SELECT id, system, file, rows_done, imported, known, refused, started_at, finished_at
      FROM dispatch.history_imports ORDER BY id DESC LIMIT $1
"""


class Standing(NamedTuple):
    """How far an import came."""

    id: int
    rows_done: int = 0
    imported: int = 0
    known: int = 0
    refused: int = 0
    errors_bytes: int = 0


class PastImport(NamedTuple):
    """An import as the list shows it."""

    id: int
    system: str
    file: str
    rows_done: int
    imported: int
    known: int
    refused: int
    started_at: datetime
    finished_at: datetime | None


async def lock_system(connection: Connection, system: str) -> bool:
    """Have the imports of `system` to oneself for as long as the connection lives; False if another has."""
    return bool(await connection.fetchval(LOCK_SYSTEM, system))


async def unfinished(connection: Connection, system: str, sha256: str) -> Standing | None:
    """The import of this very file that was cut short."""
    row = await connection.fetchrow(UNFINISHED, system, sha256)
    return Standing(*row) if row else None


async def begin(connection: Connection, system: str, file: str, sha256: str) -> Standing:
    return Standing(int(await connection.fetchval(BEGIN, system, file, sha256)))


async def advance(tx: Connection, before: Standing, after: Standing) -> bool:
    """Settle the rows between the two; False if the import does not stand where `before` says."""
    counts = (getattr(after, name) - getattr(before, name) for name in ("imported", "known", "refused"))
    status = await tx.execute(ADVANCE, before.id, before.rows_done, after.rows_done, *counts, after.errors_bytes)
    return status == "UPDATE 1"


async def finish(connection: Connection, import_id: int) -> None:
    await connection.execute(FINISH, import_id)


async def known(tx: Connection, report_ids: Sequence[UUID]) -> set[int]:
    """Which of `report_ids`, by index, have their case already."""
    await tx.execute(BY_INDEX)
    return {row[0] - 1 for row in await tx.fetch(KNOWN, report_ids)}


async def add_retired_units(tx: Connection, codes: Sequence[str]) -> None:
    """Units that nobody has any more, so that their cases name one."""
    await tx.execute(RETIRED_UNITS, sorted(codes))


async def unit_codes(connection: Connection) -> list[str]:
    """Every unit that is or was."""
    return [row[0] for row in await connection.fetch(UNIT_CODES)]


async def waiting(connection: Connection, at_most: int) -> int:
    """How many facts wait in the outbox, counted up to `at_most`."""
    return int(await connection.fetchval(WAITING, at_most))


async def ours_wait(connection: Connection) -> bool:
    """Whether facts of an import wait in the outbox."""
    return bool(await connection.fetchval(OURS_WAIT, CaseImported.TYPE))


async def imports(connection: Connection, limit: int) -> list[PastImport]:
    """The newest imports first."""
    return [PastImport(*row) for row in await connection.fetch(IMPORTS, limit)]
