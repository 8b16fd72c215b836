"""Count a batch of case facts: set-based, four round trips whatever its size."""

from collections.abc import Sequence

from services.evaluation.domain.case_count import CaseCount
from services.evaluation.domain.counting import apply
from services.evaluation.incoming import KeptFact
from services.evaluation.store import cases, facts
from shared.postgres import Connection


async def count_facts(tx: Connection, kept: Sequence[KeptFact]) -> None:
    """Keep the facts and bring their cases' rows up to them, in the caller's (the inbox's) transaction.

    A fact that was counted before changes nothing.
    """
    await cases.take_turn_of_counting(tx)
    rows = await cases.get(tx, {k.fact.case_id for k in kept})
    before = dict(rows)
    for each in kept:
        case_id = each.fact.case_id
        rows[case_id] = apply(rows.get(case_id) or CaseCount(case_id), each.fact)
    # Sorted: two consumers that save the same case wait for each other instead of locking each other out.
    changed = [rows[case_id] for case_id in sorted(rows) if rows[case_id] is not before.get(case_id)]
    await facts.add(tx, kept)
    if changed:
        await cases.save(tx, changed)
