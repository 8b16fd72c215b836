"""A signed checkpoint of the audit trail, and its copy outside the database."""

import asyncio
from datetime import timedelta
from pathlib import Path

import structlog

from services.dispatch.audit import anchor
from services.dispatch.audit.checkpoint import FORM, NOTHING_BEFORE, Checkpoint, Summed
from services.dispatch.store import checkpoints
from services.dispatch.wiring import Wired
from shared.postgres import ACQUIRE_SECONDS, transaction

log = structlog.get_logger()

# Changes in one checkpoint at the most: half a second's transaction.
BATCH = 50_000
_COPIED_AT_ONCE = 500


async def make_checkpoint(wired: Wired, *, due_after: float = 0.0, sealing: bool = False) -> Checkpoint | None:
    """Put what is pending under a checkpoint, if the last one is `due_after` seconds old or more than a batch waits.

    None if it is not yet time, nothing changed, or another worker is just making one. With `sealing` one is made in any
    case, and says that every row has its mac: the caller has seen to that.
    """
    async with transaction(wired.pool) as tx:
        if not await checkpoints.take_turn(tx, wait=sealing):
            return None
        before, now = await checkpoints.last(tx)
        if before and now < before.made_at + timedelta(seconds=due_after) and before.cases < BATCH // 2:
            return None
        if before and bytes.fromhex(before.key_id) not in wired.audit.public:
            log.warning(
                "the last audit checkpoint was signed with a key that is not known here: name it in "
                "WANGGE_AUDIT_OLD_KEYS, or give every process of dispatch the same WANGGE_AUDIT_KEY",
                key_id=before.key_id,
            )
        number = before.number + 1 if before else 1
        summed = Summed(await checkpoints.take(tx, number, BATCH))
        if not summed.cases and not sealing:
            return None
        made = Checkpoint(
            number=number,
            form=FORM,
            made_at=now,
            cases=summed.cases,
            rows=summed.rows,
            total_cases=(before.total_cases if before else 0) + summed.new,
            total_rows=(before.total_rows if before else 0) + summed.rows,
            root=summed.root,
            previous=before.digest if before else NOTHING_BEFORE,
            sealed=sealing or (before.sealed if before else await checkpoints.all_sealed(tx)),
            key_id="",
        ).signed_by(wired.audit.current)
        await checkpoints.add(tx, made)
    return made


async def copy_out(wired: Wired, folder: Path) -> int:
    """Append to the copy in `folder` what it has not yet; how many.

    Raises OSError, and ValueError for a copy that is damaged or knows more than the database.
    """
    copied = 0
    after = await asyncio.to_thread(anchor.last_number, folder)
    while True:
        async with wired.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            found = await checkpoints.page(connection, after, _COPIED_AT_ONCE)
            known = found or await checkpoints.page(connection, after - 1, 1)
        if after and not known:
            raise ValueError(
                f"the copy has checkpoint {after} and the database has not: it was cut off, or an older backup was "
                "restored: run `wangge audit verify --anchor`, and move the copy aside if that is how it should be"
            )
        if not found:
            return copied
        await asyncio.to_thread(anchor.append, folder, found)
        after, copied = found[-1].number, copied + len(found)


async def keep_checkpoints(wired: Wired) -> bool:
    """One look of the worker's job. True if more waits. A copy that cannot be written is said, and tried again."""
    made = await make_checkpoint(wired, due_after=wired.settings.audit_checkpoint_seconds)
    if folder := wired.settings.audit_anchor_dir:
        try:
            await copy_out(wired, folder)
        except (OSError, ValueError) as error:
            log.error("audit checkpoints cannot be copied out; it is tried again", folder=str(folder), error=str(error))
    return made is not None and made.cases >= BATCH // 2
