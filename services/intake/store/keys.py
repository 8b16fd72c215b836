"""API keys, as their issuer keeps them. The table is the one every service has (`shared/bus/schema.sql`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.intake.domain.key import Key, Scope
from shared.kernel.area import AreaPath, AreaPaths
from shared.postgres import Connection, Pool

LOCK = """
    SELECT id, name, hash, scope, expires_at, revoked_at, version FROM intake.api_keys WHERE id = $1 FOR UPDATE
"""
PAGE = """
    SELECT id, name, hash, scope, expires_at, revoked_at, version FROM intake.api_keys
     WHERE id > $1 ORDER BY id LIMIT $2
"""


SUCCESSOR = "SELECT new_id FROM intake.key_rotations WHERE old_id = $1"
PREDECESSOR = """
    SELECT k.id, k.name, k.hash, k.scope, k.expires_at, k.revoked_at, k.version
      FROM intake.key_rotations r JOIN intake.api_keys k ON k.id = r.old_id WHERE r.new_id = $1
"""
SUCCESSORS = "SELECT old_id, new_id FROM intake.key_rotations WHERE old_id = ANY($1::text[])"
ADD_ROTATION = "INSERT INTO intake.key_rotations (old_id, new_id, rotated_at) VALUES ($1, $2, $3)"


async def neighbours(tx: Connection, key_id: str) -> tuple[str | None, Key | None]:
    """The key that took this one's place, and the one whose place it took."""
    before = await tx.fetchrow(PREDECESSOR, key_id)
    return await tx.fetchval(SUCCESSOR, key_id), None if before is None else _key(before)


async def add_rotation(tx: Connection, old_id: str, new_id: str, at: datetime) -> None:
    await tx.execute(ADD_ROTATION, old_id, new_id, at)


async def successors(connection: Connection | Pool, ids: Sequence[str]) -> dict[str, str]:
    """Key → the one that took its place, for those of `ids` that were rotated."""
    return {row["old_id"]: row["new_id"] for row in await connection.fetch(SUCCESSORS, list(ids))}


async def lock(tx: Connection, key_id: str) -> Key | None:
    row = await tx.fetchrow(LOCK, key_id)
    return None if row is None else _key(row)


async def page(connection: Connection | Pool, after: str, limit: int) -> list[Key]:
    """Keys in the order of their ids, from behind `after`; revoked ones too."""
    return [_key(row) for row in await connection.fetch(PAGE, after, limit)]


def _key(row: Any) -> Key:
    scope = row["scope"]
    categories = scope.get("categories")
    held = Scope(
        actions=tuple(scope["actions"]),
        area=AreaPaths.of([AreaPath(area) for area in scope.get("areas") or [scope.get("area") or ""]]),
        categories=None if categories is None else tuple(categories),
        rate=scope.get("rate"),
        daily=scope.get("daily"),
        family=scope.get("family"),
    )
    return Key(row["id"], row["name"], row["hash"], held, row["expires_at"], row["revoked_at"], row["version"])
