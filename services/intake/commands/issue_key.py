"""Issue an API key: stored and published as a hash; the key itself is returned once and kept nowhere.

Only with an Idempotency-Key it is kept, encrypted, for as long as that is remembered: to be answered again.
"""

from datetime import datetime
from typing import NamedTuple

import orjson

from services.intake import outgoing
from services.intake.domain.key import Key, Scope
from services.intake.sealing import Sealer
from services.intake.store import keys as store
from shared.bus.outbox import Outbox
from shared.idempotency import InFlight, Stored, find, same_request, save
from shared.kernel.clock import Clock
from shared.keys import key_hash, new_key, write_keys
from shared.postgres import Connection, Pool, transaction

SCHEMA = "intake"


class Once(NamedTuple):
    """An Idempotency-Key, whose it is, and the hash of the request it came with."""

    sealer: Sealer
    caller: str
    key: str
    asked: bytes


async def issue_key(
    pool: Pool,
    outbox: Outbox,
    clock: Clock,
    *,
    name: str,
    scope: Scope,
    expires_at: datetime | None = None,
    once: Once | None = None,
) -> tuple[Key, str]:
    """The key as it is kept, and the key itself. Raises KeyReused."""
    if once is not None and (before := await _issued_before(pool, once)):
        return before
    try:
        return await _issue(pool, outbox, clock, name, scope, expires_at, once)
    except InFlight:
        if once is not None and (before := await _issued_before(pool, once)):
            return before
        raise


async def _issue(
    pool: Pool,
    outbox: Outbox,
    clock: Clock,
    name: str,
    scope: Scope,
    expires_at: datetime | None,
    once: Once | None,
) -> tuple[Key, str]:
    key_id, secret = new_key()
    key = Key(key_id, name, key_hash(secret), scope, expires_at, None, version=1)
    event = outgoing.key_issued(key, clock())
    async with transaction(pool) as tx:
        if once is not None:
            sealed = once.sealer.lock_up(once.asked, orjson.dumps((key_id, secret)))
            await save(tx, SCHEMA, once.caller, once.key, Stored(once.asked, 201, None, sealed))
        await write_keys(tx, SCHEMA, [orjson.loads(event.data)])
        await outbox.add(tx, [event])
    outbox.ring()
    return key, secret


async def _issued_before(pool: Pool, once: Once) -> tuple[Key, str] | None:
    async with transaction(pool) as tx:
        return await answered_before(tx, once)


async def answered_before(tx: Connection, once: Once) -> tuple[Key, str] | None:
    """The key that the same request was answered with before. Raises KeyReused."""
    answered = await find(tx, SCHEMA, once.caller, once.key)
    if answered is None:
        return None
    sealed = same_request(answered, once.asked).body
    key_id, secret = orjson.loads(once.sealer.unlock(once.asked, sealed))
    key = await store.lock(tx, key_id)
    return key and (key, secret)
