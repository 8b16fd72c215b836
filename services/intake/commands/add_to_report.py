"""Add to a report 补充: more text, more media, for the desk to see in the case's timeline."""

from collections.abc import Sequence
from uuid import UUID

import orjson

from services.intake import outgoing
from services.intake.commands.name_media import name_media
from services.intake.commands.receive_report import Desk
from services.intake.commands.speak_again import Speaker, speak_again
from services.intake.domain.masking import mask
from services.intake.domain.own_report import OwnReport, check_addition
from services.intake.store import facts
from services.intake.store import own_reports as store
from shared.bus.outbox import Outbox
from shared.kernel.ids import uuid7
from shared.postgres import Connection


async def add_to_report(
    desk: Desk, outbox: Outbox, speaker: Speaker, report_id: UUID, text: str | None, media: Sequence[UUID]
) -> bytes:
    """The JSON answer, once it is durable. Raises ReportNotFound, UnknownMedia, NothingAdded, AlreadyWithdrawn,
    ReportEnded, TooManyAdditions.
    """

    async def say(tx: Connection, report: OwnReport, name: str) -> bytes:
        check_addition(report, text, media)
        at, addition_id, masked = desk.clock(), uuid7(), mask(text) if text else None
        if media:  # a caller's may still be on the way; whoever has but the code names what is there
            await name_media(tx, None if speaker.who is None else name, media, at)
        await store.add(tx, addition_id, report.id, masked, media, at, name)
        telling = (await facts.next_facts(tx, [report.id]))[report.id]
        await outbox.add(tx, [outgoing.report_supplemented(report, addition_id, masked, media, at, telling)])
        return orjson.dumps({"id": addition_id, "report_id": report_id, "added_at": at, "media": list(media)})

    return await speak_again(desk.pool, outbox, speaker, report_id, say)
