"""Rows that are older than the chain get a mac: as they stand now, which is all that can be said of them."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from services.dispatch.audit.chain import CHAINED, SEALED_LATER, birth_hash, canonical, row_mac
from services.dispatch.audit.keys import AuditKey
from services.dispatch.commands.make_checkpoint import make_checkpoint
from services.dispatch.store import checkpoints, sealing
from services.dispatch.wiring import Wired
from shared.postgres import transaction

BATCH = 200


class Sealed(NamedTuple):
    """Rows that were sealed, of how many cases, and the number of the checkpoint that says so."""

    rows: int
    cases: int
    checkpoint: int


async def seal_old(wired: Wired, told: Callable[[int], None] = lambda cases: None) -> Sealed | None:
    """Seal every row that has no mac, a batch of cases at a time; acts go on meanwhile. None: a program that writes no
    macs still runs, and has added rows since; do it again when all are upgraded.

    Broken off, it goes on where it was. Afterwards a row without a mac counts as tampering.
    """
    rows = cases = 0
    after = UUID(int=0)
    while True:
        async with transaction(wired.pool) as tx:
            old = await sealing.lock(tx, after, BATCH)
            if not old:
                break
            macs = [_macs(wired.audit.current, case) for case in old]
            # What the next act follows, where there was no act with a mac yet.
            heads = [each[-1] for each, case in zip(macs, old, strict=True) if not case.chained]
            await sealing.save(tx, [mac for each in macs for mac in each], heads)
        rows, cases, after = rows + sum(map(len, macs)), cases + len(old), old[-1].birth.case_id
        told(cases)
    async with transaction(wired.pool) as tx:
        if not await checkpoints.all_sealed(tx):
            return None
    made = await make_checkpoint(wired, sealing=True)
    assert made is not None
    return Sealed(rows, cases, made.number)


def _macs(key: AuditKey, case: sealing.Old) -> list[sealing.Mac]:
    """The macs of its rows that have none, each behind the row before."""
    previous, macs = birth_hash(case.birth), []
    for columns, mac in case.rows:
        if mac is None:
            mac = row_mac(key, previous, canonical(columns), SEALED_LATER)
            macs.append(sealing.Mac(case.birth.case_id, columns[CHAINED.index("version")], mac))
        previous = mac
    return macs
