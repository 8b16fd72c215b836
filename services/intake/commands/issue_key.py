"""Issue an API key: stored and published as a hash; the key itself is returned once and kept nowhere."""

from datetime import datetime

import orjson

from services.intake import outgoing
from services.intake.domain.key import Key, Scope
from shared.bus.outbox import Outbox
from shared.kernel.clock import Clock
from shared.keys import key_hash, new_key, write_keys
from shared.postgres import Pool, transaction


async def issue_key(
    pool: Pool, outbox: Outbox, clock: Clock, *, name: str, scope: Scope, expires_at: datetime | None = None
) -> tuple[Key, str]:
    """The key as it is kept, and the key itself."""
    key_id, secret = new_key()
    key = Key(key_id, name, key_hash(secret), scope, expires_at, None, version=1)
    event = outgoing.key_issued(key, clock())
    async with transaction(pool) as tx:
        await write_keys(tx, "intake", [orjson.loads(event.data)])
        await outbox.add(tx, [event])
    outbox.ring()
    return key, secret
