"""API keys, without the keys themselves."""

from datetime import datetime

from pydantic import BaseModel

from services.intake.domain.key import Key
from services.intake.store import keys as store
from shared.auth import Principal, authorize
from shared.http import Listing, decode_cursor, encode_cursor
from shared.postgres import Pool


class ScopeView(BaseModel):
    actions: list[str]
    area: str
    categories: list[str] | None
    rate: int | None


class KeyView(BaseModel):
    """An API key 接口密钥: what it may do, and whether it still may."""

    id: str
    name: str
    scope: ScopeView
    expires_at: datetime | None
    revoked_at: datetime | None
    version: int


async def keys(pool: Pool, who: Principal, *, cursor: str | None, limit: int) -> Listing[KeyView]:
    authorize(who, "keys:write")
    after = "" if cursor is None else str(decode_cursor(cursor, 1)[0])
    found = await store.page(pool, after, limit + 1)
    following = encode_cursor(found[limit - 1].id) if len(found) > limit else None
    return Listing(items=[key_view(key) for key in found[:limit]], next=following)


def key_view(key: Key) -> KeyView:
    scope = ScopeView(
        actions=list(key.scope.actions),
        area=key.scope.area,
        categories=None if key.scope.categories is None else list(key.scope.categories),
        rate=key.scope.rate,
    )
    return KeyView(
        id=key.id,
        name=key.name,
        scope=scope,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        version=key.version,
    )
