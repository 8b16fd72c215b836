"""API keys 接口密钥: what a key may open, and how one ends."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal, NamedTuple

from shared.kernel.area import AreaPath
from shared.kernel.errors import Conflict, FieldError, Invalid, NotFound

Ending = Literal["revoked", "rotated", "leaked"]


class KeyNotFound(NotFound):
    slug, title, title_zh = "key-not-found", "No such key", "密钥不存在"


class KeyAlreadyRevoked(Conflict):
    slug, title, title_zh = "key-already-revoked", "The key is revoked already", "密钥已被吊销"


class BadScope(Invalid):
    slug, title, title_zh = "bad-key-scope", "A key cannot be given this scope", "密钥授权范围无效"


class Scope(NamedTuple):
    """Actions, one area and all below it, categories (None: every one), requests a second (None: no limit)."""

    actions: tuple[str, ...]
    area: AreaPath
    categories: tuple[str, ...] | None
    rate: int | None


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
    if errors:
        raise BadScope("; ".join(f"{e.pointer}: {e.message}" for e in errors[:3]), errors=errors)


def revoke(key: Key, now: datetime) -> Key:
    """The key, ended. Raises KeyAlreadyRevoked."""
    if key.revoked_at is not None:
        raise KeyAlreadyRevoked(f"key {key.id} was revoked at {key.revoked_at.isoformat(timespec='seconds')}")
    return key._replace(revoked_at=now, version=key.version + 1)
