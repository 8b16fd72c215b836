"""Follow who answers for a report: from its case's opening until somebody else acts on it, or it ends."""

from collections.abc import Sequence
from uuid import UUID

from services.intake import outgoing
from services.intake.commands.heard import Heard
from services.intake.domain.first_asked import answered_for, relieved, steps_of
from services.intake.store import facts as fact_store
from services.intake.store import first_asked as store
from shared.bus.outbox import Outbox
from shared.postgres import Connection


async def follow_first_asked(outbox: Outbox, tx: Connection, facts: Sequence[Heard]) -> None:
    """Two statements for a batch in which nobody is relieved; a fact for each report whose first asked is."""
    told = [fact for fact, _ in facts]
    opened = {UUID(each) for fact in told for each in answered_for(fact)}
    if opened:
        await store.begin(tx, sorted(opened))
    steps = [step for fact in told for step in steps_of(fact)]
    held = await store.lock(tx, sorted({step.report_id for step in steps})) if steps else {}
    done = relieved(held, steps)
    if not done:
        return
    await store.lapse(tx, done)
    tellings = await fact_store.next_facts(tx, sorted(each.report_id for each in done))
    await outbox.add(tx, [outgoing.first_asked_lapsed(each, tellings[each.report_id]) for each in done])
