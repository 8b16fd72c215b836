"""Rotate an API key: a second one with the same scope, which shares its limits, and an end for the first."""

from datetime import datetime, timedelta

import orjson

from services.intake import outgoing
from services.intake.commands.issue_key import SCHEMA, Once, answered_before
from services.intake.domain.key import Key, KeyNotFound, rotate
from services.intake.store import keys as store
from shared.auth import Principal, authorize
from shared.bus.outbox import Outbox
from shared.idempotency import Stored, save
from shared.kernel.clock import Clock
from shared.keys import key_hash, new_key, write_keys
from shared.postgres import Pool, transaction


async def rotate_key(
    pool: Pool,
    outbox: Outbox,
    clock: Clock,
    who: Principal,
    key_id: str,
    *,
    overlap: timedelta,
    expires_at: datetime | None = None,
    once: Once | None = None,
) -> tuple[Key, Key, str]:
    """The old key with its end, the new one, and the new key itself.

    Both open for `overlap`, or until the old one was to end anyway. Raises KeyNotFound, KeyAlreadyRevoked,
    KeyAlreadyRotated, KeyStillOverlaps, OutsideScope, KeyReused.
    """
    now = clock()
    fresh_id, secret = new_key()
    async with transaction(pool) as tx:
        key = await store.lock(tx, key_id)
        if key is None:
            raise KeyNotFound(f"there is no key {key_id[:40]!r}; GET /intake/v1/keys lists them")
        authorize(who, "keys:write", key.scope.area)
        # Behind the lock: the same request that came a moment ago has been answered by now.
        if once is not None and (before := await answered_before(tx, once)):
            return key, *before
        successor, predecessor = await store.neighbours(tx, key_id)
        fresh = Key(fresh_id, key.name, key_hash(secret), key.scope, expires_at, None, version=1)
        old, fresh = rotate(key, fresh, now, overlap, successor, predecessor)
        if once is not None:
            sealed = once.sealer.lock_up(once.asked, orjson.dumps((fresh_id, secret)))
            await save(tx, SCHEMA, once.caller, once.key, Stored(once.asked, 201, None, sealed))
        await store.add_rotation(tx, old.id, fresh.id, now)
        events = [outgoing.key_issued(each, now) for each in sorted((old, fresh), key=lambda each: each.id)]
        await write_keys(tx, SCHEMA, [orjson.loads(event.data) for event in events])
        await outbox.add(tx, events)
    outbox.ring()
    return old, fresh, secret
