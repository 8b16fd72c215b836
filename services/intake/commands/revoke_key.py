"""Revoke an API key: refused here at once, by every other service within two seconds of the fact."""

import orjson

from services.intake import outgoing
from services.intake.domain.key import Ending, Key, KeyNotFound, revoke
from services.intake.store import keys as store
from shared.bus.outbox import Outbox
from shared.kernel.clock import Clock
from shared.keys import write_keys
from shared.postgres import Pool, transaction


async def revoke_key(pool: Pool, outbox: Outbox, clock: Clock, key_id: str, reason: Ending = "revoked") -> Key:
    """The key as it now stands. Raises KeyNotFound, KeyAlreadyRevoked."""
    now = clock()
    async with transaction(pool) as tx:
        key = await store.lock(tx, key_id)
        if key is None:
            raise KeyNotFound(f"there is no key {key_id[:40]!r}; GET /intake/v1/keys lists them")
        key = revoke(key, now)
        event = outgoing.key_revoked(key, now, reason)
        await write_keys(tx, "intake", [orjson.loads(event.data)])
        await outbox.add(tx, [event])
    outbox.ring()
    return key
