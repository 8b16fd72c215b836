"""API keys, as their issuer keeps them. The table is the one every service has (`shared/bus/schema.sql`)."""

from typing import Any

from services.intake.domain.key import Key, Scope
from shared.kernel.area import AreaPath
from shared.postgres import Connection, Pool

LOCK = """
    SELECT id, name, hash, scope, expires_at, revoked_at, version FROM intake.api_keys WHERE id = $1 FOR UPDATE
"""
PAGE = """
    SELECT id, name, hash, scope, expires_at, revoked_at, version FROM intake.api_keys
     WHERE id > $1 ORDER BY id LIMIT $2
"""


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
        area=AreaPath(scope.get("area") or ""),
        categories=None if categories is None else tuple(categories),
        rate=scope.get("rate"),
    )
    return Key(row["id"], row["name"], row["hash"], held, row["expires_at"], row["revoked_at"], row["version"])
