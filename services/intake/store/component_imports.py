"""How far each import of components came."""

from typing import NamedTuple

from shared.postgres import Connection

LOCK_IMPORTS = "SELECT pg_try_advisory_lock(hashtextextended('wangge.components import', 0))"
UNFINISHED = """
    SELECT id, rows_done, added, changed, unchanged, refused, errors_bytes
      FROM intake.component_imports WHERE sha256 = $1 AND finished_at IS NULL
       FOR UPDATE
"""
BEGIN = "INSERT INTO intake.component_imports (file, sha256) VALUES ($1, $2) RETURNING id"
# The fence: an import goes on from where it stands, or not at all. It is the first thing that a batch writes, so that
# UNFINISHED waits for the last batch of an import that was killed.
ADVANCE = """
    UPDATE intake.component_imports
       SET rows_done = $3, added = added + $4, changed = changed + $5, unchanged = unchanged + $6,
           refused = refused + $7, errors_bytes = $8
     WHERE id = $1 AND rows_done = $2 AND finished_at IS NULL
"""
FINISH = "UPDATE intake.component_imports SET finished_at = now() WHERE id = $1 AND finished_at IS NULL"


class Standing(NamedTuple):
    """How far an import came."""

    id: int
    rows_done: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    errors_bytes: int = 0


_COUNTS = ("added", "changed", "unchanged", "refused")


async def lock_imports(connection: Connection) -> bool:
    """Be the only import for as long as the connection lives; False if there is another."""
    return bool(await connection.fetchval(LOCK_IMPORTS))


async def unfinished(connection: Connection, sha256: str) -> Standing | None:
    """The import of this very file that was cut short."""
    row = await connection.fetchrow(UNFINISHED, sha256)
    return Standing(*row) if row else None


async def begin(connection: Connection, file: str, sha256: str) -> Standing:
    return Standing(int(await connection.fetchval(BEGIN, file, sha256)))


async def advance(tx: Connection, before: Standing, after: Standing) -> bool:
    """Settle the rows between the two; False if the import does not stand where `before` says."""
    counts = (getattr(after, name) - getattr(before, name) for name in _COUNTS)
    status = await tx.execute(ADVANCE, before.id, before.rows_done, after.rows_done, *counts, after.errors_bytes)
    return status == "UPDATE 1"


async def finish(connection: Connection, import_id: int) -> None:
    await connection.execute(FINISH, import_id)
