"""Whoever sent a report speaks of it again: found, proved to be theirs, answered once for each Idempotency-Key."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import UUID

from services.intake.domain.own_report import OwnReport, check_sender
from services.intake.store import own_reports as store
from shared import idempotency
from shared.auth import Principal, authorize
from shared.bus.outbox import Outbox
from shared.idempotency import Stored, same_request
from shared.postgres import Connection, Pool, transaction

SCHEMA = "intake"
ACTION = "reports:create"


class Speaker(NamedTuple):
    """Who speaks: a caller, somebody who has the tracking code, or both. `key` is the Idempotency-Key."""

    who: Principal | None
    code: str | None
    key: str | None
    request_hash: bytes

    def name(self, report_id: UUID) -> str:
        """Whose doing it is, as it is stored: the caller's name, or that of whoever has the code of this report."""
        return f"track:{report_id}" if self.who is None else self.who.subject


async def speak_again(
    pool: Pool,
    outbox: Outbox,
    speaker: Speaker,
    report_id: UUID,
    say: Callable[[Connection, OwnReport, str], Awaitable[bytes]],
) -> bytes:
    """What `say` answers, in one transaction under the report's lock; it is given the report and the speaker's name.

    Raises ReportNotFound, KeyReused, InFlight, and what `say` raises.
    """
    if speaker.who is not None:
        authorize(speaker.who, ACTION)
    name = speaker.name(report_id)
    async with transaction(pool) as tx:
        found = await store.lock(tx, report_id)
        report = check_sender(found, report_id, None if speaker.who is None else name, speaker.code)
        if speaker.key is not None and (before := await idempotency.find(tx, SCHEMA, name, speaker.key)):
            return same_request(before, speaker.request_hash).body
        answer = await say(tx, report, name)
        if speaker.key is not None:
            await idempotency.save(tx, SCHEMA, name, speaker.key, Stored(speaker.request_hash, 201, None, answer))
    outbox.ring()
    return answer
