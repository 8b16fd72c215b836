"""API keys, without the keys themselves."""

from datetime import datetime

from pydantic import BaseModel

from services.intake.domain.key import Key
from services.intake.store import keys as store
from shared.auth import Principal, authorize
from shared.http import Listing, decode_cursor, encode_cursor
from shared.kernel.area import AreaPaths
from shared.leases import last_seen
from shared.postgres import Pool


class ScopeView(BaseModel):
    actions: list[str]
    area: str
    categories: list[str] | None
    rate: int | None
    areas: list[str]
    daily: int | None


class KeyView(BaseModel):
    """An API key 接口密钥: what it may do, and whether it still may.

    `areas` lists them where there are several, and `area` is then the first. `last_used_at` is when it last opened
    intake, to the minute; `replaced_by` the key that took its place.
    """

    id: str
    name: str
    scope: ScopeView
    expires_at: datetime | None
    revoked_at: datetime | None
    version: int
    last_used_at: datetime | None = None
    replaced_by: str | None = None


async def keys(pool: Pool, who: Principal, *, cursor: str | None, limit: int) -> Listing[KeyView]:
    authorize(who, "keys:write")
    after = "" if cursor is None else str(decode_cursor(cursor, 1)[0])
    found = await store.page(pool, after, limit + 1)
    following = encode_cursor(found[limit - 1].id) if len(found) > limit else None
    ids = [key.id for key in found[:limit]]
    seen, after_them = await last_seen(pool, "intake", ids), await store.successors(pool, ids)
    views = [
        key_view(key).model_copy(update={"last_used_at": seen.get(key.id), "replaced_by": after_them.get(key.id)})
        for key in found[:limit]
    ]
    return Listing(items=views, next=following)


def key_view(key: Key) -> KeyView:
    areas = [str(area) for area in key.scope.area.each] if isinstance(key.scope.area, AreaPaths) else []
    scope = ScopeView(
        actions=list(key.scope.actions),
        area=areas[0] if areas else key.scope.area,
        categories=None if key.scope.categories is None else list(key.scope.categories),
        rate=key.scope.rate,
        areas=areas,
        daily=key.scope.daily,
    )
    return KeyView(
        id=key.id,
        name=key.name,
        scope=scope,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        version=key.version,
    )
