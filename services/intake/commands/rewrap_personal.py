"""Bring every key under the installation key in use, and what an older program sealed under keys of subjects.

Afterwards the earlier key opens nothing of this database any more. Once it is destroyed, backups from before open no
more either: that is what ends a person in those, too.
"""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from services.intake.commands.record_activities import keyed_content
from services.intake.commands.seal_visited import add_subjects, hold_subjects, read_back, seal_visited
from services.intake.commands.vault import Due, Vault
from services.intake.store import personal as store
from services.intake.store import subjects
from services.intake.store.personal import Entry
from shared.kernel.clock import Clock
from shared.kernel.ids import uuid7
from shared.postgres import Pool, transaction

BATCH = 500
PAGE = 2_000
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


class Rewrapped(NamedTuple):
    """Keys of subjects that were wrapped anew; reports of an older program, and field work, that were sealed anew."""

    subjects: int
    reports: int
    activities: int


async def rewrap_personal(
    pool: Pool, vault: Vault, clock: Clock, actor: str, told: Callable[[int], None] = lambda done: None
) -> Rewrapped:
    """In small transactions, while reports come in; broken off, it goes on when it is run again.

    Raises CannotUnseal if a key is under an installation key that is not given.
    """
    keys = vault.sealer.keys
    async with transaction(pool) as tx:
        for purpose, wrapped in await subjects.stale_secrets(tx, keys.current_id):
            fresh = keys.wrap(keys.unwrap(wrapped, purpose.encode()), purpose.encode())
            await subjects.rewrap_secret(tx, purpose, fresh)
    done, after = 0, FIRST
    while True:
        async with transaction(pool) as tx:
            stale = await subjects.stale(tx, after, keys.current_id, BATCH)
            if not stale:
                break
            fresh_keys = [(one, keys.wrap(keys.unwrap(key, one.bytes), one.bytes)) for one, key in stale]
            await subjects.rewrap(tx, fresh_keys)
        done, after = done + len(stale), stale[-1][0]
        told(done)
    resealed = await _reseal_old(pool, vault, lambda more: told(done + more))
    activities = await _reseal_activities(pool, vault, clock, lambda more: told(done + resealed + more))
    if done or resealed or activities:
        purpose = f"{done} subjects, {resealed} reports, {activities} activities"
        async with transaction(pool) as tx:
            await store.add_entries(tx, [Entry(uuid7(), clock(), "rewrap", actor, None, purpose, "", None, "")])
    return Rewrapped(done, resealed, activities)


async def _reseal_activities(pool: Pool, vault: Vault, clock: Clock, told: Callable[[int], None]) -> int:
    done, after, secret = 0, FIRST, await vault.secret()
    while True:
        async with transaction(pool) as tx:
            old = await store.old_activities(tx, after, BATCH)
            if not old:
                return done
            sealed = await seal_visited(
                vault, {one: read_back(vault.sealer.unlock(one.bytes, part)) for one, part, _ in old}
            )
            await hold_subjects(tx, [*sealed.values()])
            now = clock()
            await add_subjects(tx, [(one, now) for one in sealed.values()])
            fresh = [
                (one, sealed[one].part, keyed_content(secret, content), sealed[one].whose.subject)
                for one, _, content in old
            ]
            await store.reseal_activities(tx, fresh)
        done, after = done + len(old), old[-1][0]
        told(done)


async def _reseal_old(pool: Pool, vault: Vault, told: Callable[[int], None]) -> int:
    done, after = 0, FIRST
    while True:
        async with transaction(pool) as tx:
            end = await store.page_end(tx, after, PAGE)
            old = await store.lock_old(tx, after, end or LAST)
            fresh = [(one, vault.sealer.seal(one.id, vault.sealer.unseal(one.id, one.sealed))) for one in old]
            # A key that is kept for nothing, because this is broken off here, is overwritten the next time.
            await vault.keep_due([Due(one.id, one.tracking_code, one.received_at, sealed) for one, sealed in fresh])
            if fresh:
                await store.reseal(tx, [(one.id, sealed) for one, sealed in fresh])
        done += len(old)
        told(done)
        if end is None:
            return done
        after = end
