"""Count everything anew from the facts that were kept, beside the rows in use, and put right what differs."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from services.evaluation.domain.case_count import CaseCount
from services.evaluation.domain.counting import apply
from services.evaluation.store import cases, facts
from shared.kernel.errors import Conflict
from shared.postgres import Pool, transaction

_BATCH = 5_000


class MissingVersion(Conflict):
    slug, title, title_zh = "missing-version", "A fact that was counted is not kept any more", "缺少已计入的事件版本"

    def __init__(self, case_id: UUID, version: int) -> None:
        super().__init__(
            f"case {case_id}: version {version} is missing in evaluation.facts; nothing was changed. Restore it from a "
            "backup or, if an operator dropped that record on purpose, rebuild with --allow-missing",
            facts={"case": str(case_id), "version": version},
        )


class Rebuilt(NamedTuple):
    """`repaired` is the number of rows that were not what the facts say."""

    facts: int
    cases: int
    repaired: int


async def rebuild(
    pool: Pool, *, told: Callable[[int, int], None] | None = None, allow_missing: bool = False
) -> Rebuilt:
    """One transaction, consumers held off meanwhile, readers not. `told(done, of)` hears of the progress.

    Raises MissingVersion, naming the case and the version, and changes nothing. `allow_missing` counts what is there,
    in order: what the consumer did when an operator dropped a parked record.
    """
    async with transaction(pool) as tx:
        await cases.take_turn_of_rebuild(tx)
        total = await facts.count(tx)
        await cases.open_shadow(tx)
        done, folded = 0, 0
        batch: list[CaseCount] = []
        count: CaseCount | None = None
        async for case_id, version, kept in facts.in_order(tx):
            if count is None or count.case_id != case_id:
                if count is not None:
                    batch.append(count)
                count = CaseCount(case_id)
            if version != count.version + 1 and not allow_missing:
                raise MissingVersion(case_id, count.version + 1)
            count = apply(count, kept.fact)
            done += 1
            if len(batch) >= _BATCH:
                folded += len(batch)
                await cases.fill_shadow(tx, batch)
                batch = []
                if told:
                    told(done, total)
        if count is not None:
            batch.append(count)
        await cases.fill_shadow(tx, batch)
        beyond = await cases.beyond_shadow(tx)
        if beyond is not None and not allow_missing:
            raise MissingVersion(*beyond)
        repaired = await cases.swap_in_shadow(tx)
    if told:
        told(done, total)
    return Rebuilt(done, folded + len(batch), repaired)
