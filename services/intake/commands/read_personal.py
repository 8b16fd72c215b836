"""Read what is personal of a report: who, when, why and which report are written down first, or nothing is read."""

from typing import NamedTuple
from uuid import UUID

from services.intake.commands.vault import Opening, PersonalKeyMissing, Vault
from services.intake.domain.masking import mask
from services.intake.domain.purposes import NothingPersonal, PersonalErased, Purpose
from services.intake.domain.report import Personal, ReportNotFound
from services.intake.sealing import CannotUnseal
from services.intake.store import personal as store
from services.intake.store.personal import Entry, Found
from shared import idempotency
from shared.auth import Principal, authorize
from shared.idempotency import Stored, same_request
from shared.kernel.clock import Clock
from shared.kernel.ids import uuid7
from shared.postgres import Connection, Pool, transaction

ACTION = "personal:read"
SCHEMA = "intake"


class Once(NamedTuple):
    """An Idempotency-Key and the hash of what it came with: the same look is written down once."""

    key: str
    asked: bytes


async def read_personal(
    pool: Pool,
    vault: Vault,
    clock: Clock,
    who: Principal,
    report_id: UUID,
    purpose: Purpose,
    note: str = "",
    once: Once | None = None,
) -> Personal:
    """Raises ActionNotAllowed, ReportNotFound (also outside the caller's area), NothingPersonal, PersonalErased,
    PersonalKeyMissing.
    """
    authorize(who, ACTION)
    async with transaction(pool) as tx:
        found = await store.find(tx, report_id)
        if found is None or not who.area.covers(found.routing_key):
            raise ReportNotFound(f"there is no report {report_id} for this caller")
        personal = _opened(vault, found)
        if not await _seen_before(tx, who, once):
            seen = Entry(
                uuid7(), clock(), "read", who.subject, who.post, purpose, mask(note), report_id, found.routing_key
            )
            await store.add_entries(tx, [seen])
    return personal


def _opened(vault: Vault, found: Found) -> Personal:
    gone = PersonalErased(f"what was personal of report {found.id} was erased and cannot be had back")
    if found.sealed is None:
        if found.ended:
            raise gone
        raise NothingPersonal(f"report {found.id} came without a contact, and nothing in its text is masked")
    try:
        opened = vault.open(Opening(found.id, found.sealed, found.key, found.subject, found.subject_key))
    except CannotUnseal:
        raise PersonalKeyMissing(
            f"what is personal of report {found.id} does not open with the keys that this process was given",
            facts={"retry_after": 5},
        ) from None
    if opened is None:
        raise gone
    return opened


async def _seen_before(tx: Connection, who: Principal, once: Once | None) -> bool:
    """Whether this very request was written down already; the answer itself is never stored. Raises KeyReused."""
    if once is None:
        return False
    before = await idempotency.find(tx, SCHEMA, who.subject, once.key)
    if before is not None:
        same_request(before, once.asked)
        return True
    await idempotency.save(tx, SCHEMA, who.subject, once.key, Stored(once.asked, 200, None, b""))
    return False
