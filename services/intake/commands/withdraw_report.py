"""Withdraw a report 撤回: its sender takes it back before anybody acted on it. Dispatch decides on its case."""

from uuid import UUID

import orjson

from services.intake import outgoing
from services.intake.commands.speak_again import Speaker, speak_again
from services.intake.domain.masking import mask
from services.intake.domain.own_report import WITHDRAWN, OwnReport, check_withdrawal
from services.intake.store import facts
from services.intake.store import own_reports as store
from shared.bus.outbox import Outbox
from shared.kernel.clock import Clock
from shared.postgres import Connection, Pool


async def withdraw_report(
    pool: Pool, outbox: Outbox, clock: Clock, speaker: Speaker, report_id: UUID, reason: str
) -> bytes:
    """The JSON answer, once it is durable. Raises ReportNotFound, AlreadyWithdrawn, AlreadyActedOn."""

    async def say(tx: Connection, report: OwnReport, name: str) -> bytes:
        check_withdrawal(report)
        at, masked = clock(), mask(reason)
        await store.withdraw(tx, report.id, masked, at, name)
        telling = (await facts.next_facts(tx, [report.id]))[report.id]
        await outbox.add(tx, [outgoing.report_withdrawn(report, masked, at, telling)])
        return orjson.dumps({"report_id": report_id, "status": WITHDRAWN, "withdrawn_at": at})

    return await speak_again(pool, outbox, speaker, report_id, say)
