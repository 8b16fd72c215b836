"""API keys 接口密钥: what a key may open, and how one ends."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from shared.kernel.area import AreaPath, AreaPaths
from shared.kernel.errors import Conflict, FieldError, Invalid, NotFound

# What intake itself decides. Other services know a key by one area: lists, scores and streams are cut by one prefix.
SEVERAL_AREAS: Final = frozenset({"reports:create", "reports:read", "media:create", "areas:read", "catalogue:read"})
LONGEST_OVERLAP: Final = timedelta(days=30)

Ending = Literal["revoked", "rotated", "leaked"]


class KeyNotFound(NotFound):
    slug, title, title_zh = "key-not-found", "No such key", "密钥不存在"


class KeyAlreadyRevoked(Conflict):
    slug, title, title_zh = "key-already-revoked", "The key is revoked already", "密钥已被吊销"


class KeyAlreadyRotated(Conflict):
    slug, title, title_zh = "key-already-rotated", "Another key took its place already", "密钥已被轮换"


class KeyStillOverlaps(Conflict):
    slug, title, title_zh = "key-still-overlaps", "The key before it still opens", "上一密钥仍在有效期内"


class BadScope(Invalid):
    slug, title, title_zh = "bad-key-scope", "A key cannot be given this scope", "密钥授权范围无效"


class Scope(NamedTuple):
    """Actions, an area or several and all below, categories (None: every one), requests a second and a day (None: no
    limit), and the first key of those that share the limits (None: this one).
    """

    actions: tuple[str, ...]
    area: AreaPath
    categories: tuple[str, ...] | None
    rate: int | None
    daily: int | None = None
    family: str | None = None


class Key(NamedTuple):
    """A key as it is kept: everything but the key itself."""

    id: str
    name: str
    hash: str
    scope: Scope
    expires_at: datetime | None
    revoked_at: datetime | None
    version: int


def check_scope(scope: Scope, *, actions: Collection[str], categories: Collection[str]) -> None:
    """Raise BadScope, naming what is unknown. `actions` are those a key may have, `categories` the catalogue's."""
    errors = [
        FieldError(f"/actions/{n}", f"{action!r} is none of {', '.join(sorted(actions))}")
        for n, action in enumerate(scope.actions)
        if action not in actions
    ]
    if not scope.actions:
        errors.append(FieldError("/actions", f"name at least one of {', '.join(sorted(actions))}"))
    errors += [
        FieldError(f"/categories/{n}", f"{code!r} is not in the catalogue")
        for n, code in enumerate(scope.categories or ())
        if code not in categories
    ]
    if isinstance(scope.area, AreaPaths) and (wide := [a for a in scope.actions if a not in SEVERAL_AREAS]):
        errors.append(
            FieldError("/areas", f"a key with {', '.join(sorted(wide))} has one area; issue one key for each area")
        )
    if errors:
        raise BadScope("; ".join(f"{e.pointer}: {e.message}" for e in errors[:3]), errors=errors)


def revoke(key: Key, now: datetime) -> Key:
    """The key, ended. Raises KeyAlreadyRevoked."""
    if key.revoked_at is not None:
        raise KeyAlreadyRevoked(f"key {key.id} was revoked at {key.revoked_at.isoformat(timespec='seconds')}")
    return key._replace(revoked_at=now, version=key.version + 1)


def rotate(
    key: Key, fresh: Key, now: datetime, overlap: timedelta, successor: str | None, predecessor: Key | None
) -> tuple[Key, Key]:
    """`key` with its end, and `fresh` in its place. `successor` is the key that took its place before, `predecessor`
    the key whose place it took. Raises KeyAlreadyRevoked, KeyAlreadyRotated, KeyStillOverlaps.
    """
    if key.revoked_at is not None:
        raise KeyAlreadyRevoked(f"key {key.id} was revoked at {key.revoked_at.isoformat(timespec='seconds')}")
    if successor is not None:
        raise KeyAlreadyRotated(
            f"key {successor} took the place of {key.id}; rotate that one", facts={"key": successor}
        )
    if predecessor is not None and predecessor.revoked_at is None:
        ends = predecessor.expires_at
        if ends is None or ends > now:
            raise KeyStillOverlaps(
                f"key {predecessor.id}, whose place {key.id} took, still opens; revoke it first, two are enough",
                facts={"key": predecessor.id, "ends_at": ends},
            )
    ends = now + overlap if key.expires_at is None else min(key.expires_at, now + overlap)
    scope = key.scope._replace(family=key.scope.family or key.id)
    old = key._replace(expires_at=ends, scope=scope, version=key.version + 1)
    return old, fresh._replace(scope=scope, expires_at=fresh.expires_at or key.expires_at)
