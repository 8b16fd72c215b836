"""Unmerge a report 解除合并: a desk found that it tells of another matter than the one it was merged into."""

from uuid import UUID

from services.intake import outgoing
from services.intake.domain.duplicates import NotMerged
from services.intake.domain.report import ReportNotFound
from services.intake.store import clusters, facts
from services.intake.store import reports as store
from shared.auth import Principal, authorize
from shared.bus.outbox import Outbox
from shared.kernel.clock import Clock
from shared.postgres import Pool, transaction

ACTION = "reports:unmerge"


async def unmerge_report(pool: Pool, outbox: Outbox, clock: Clock, who: Principal, report_id: UUID) -> None:
    """Its own case follows. Asked again, nothing more happens.

    Raises ReportNotFound, also for one outside the caller's area; NotMerged for one that never was.
    """
    authorize(who, ACTION)
    async with transaction(pool) as tx:
        found = await store.find_report(tx, report_id)
        if found is None or not who.area.covers(found.routing_key):
            raise ReportNotFound(f"there is no report {report_id} for this caller")
        merge = await clusters.lock_merge(tx, report_id)
        if merge is None:
            raise NotMerged(
                f"report {report_id} was merged into no other: it is the first of its matter, and has its own case"
            )
        if merge.unmerged_at is not None:
            return
        await clusters.unmerge(tx, [report_id])
        told = await store.find_told(tx, report_id)
        assert told is not None  # a merge is of a report that was stored with it
        telling = (await facts.next_facts(tx, [report_id]))[report_id]
        await outbox.add(tx, [outgoing.report_unmerged(told, merge.cluster, telling, clock())])
    outbox.ring()
