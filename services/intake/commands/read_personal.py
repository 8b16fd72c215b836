"""Read what is personal of a report, or of field work: who, when, why and which are written down first, or nothing is
read.
"""

from typing import NamedTuple
from uuid import UUID

from services.intake.commands.seal_visited import read_back
from services.intake.commands.vault import Opening, PersonalKeyMissing, Vault
from services.intake.domain import activity as visited
from services.intake.domain.activity import ActivityNotFound
from services.intake.domain.masking import mask
from services.intake.domain.purposes import NothingPersonal, PersonalErased, Purpose
from services.intake.domain.report import Personal, ReportNotFound
from services.intake.sealing import CannotUnseal
from services.intake.store import activities
from services.intake.store import personal as store
from services.intake.store.activities import Visited
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
        if once is None or not await note_once(tx, who, once):
            why = (who.subject, who.post, purpose, mask(note))
            await store.add_entries(tx, [Entry(uuid7(), clock(), "read", *why, report_id, found.routing_key)])
    return personal


def _erased(what: str) -> PersonalErased:
    return PersonalErased(f"what was personal of {what} was erased and cannot be had back")


def _key_missing(what: str) -> PersonalKeyMissing:
    return PersonalKeyMissing(
        f"what is personal of {what} does not open with the keys that this process was given", facts={"retry_after": 5}
    )


def _opened(vault: Vault, found: Found) -> Personal:
    gone = _erased(f"report {found.id}")
    if found.sealed is None:
        if found.ended:
            raise gone
        raise NothingPersonal(f"report {found.id} came without a contact, and nothing in its text is masked")
    try:
        opened = vault.open(Opening(found.id, found.sealed, found.key, found.subject, found.subject_key))
    except CannotUnseal:
        raise _key_missing(f"report {found.id}") from None
    if opened is None:
        raise gone
    return opened


async def read_visited(
    pool: Pool,
    vault: Vault,
    clock: Clock,
    who: Principal,
    activity_id: UUID,
    purpose: Purpose,
    note: str = "",
    once: Once | None = None,
) -> visited.Personal:
    """Whom an activity names, and its texts as they were written.

    Raises ActionNotAllowed, ActivityNotFound (also outside the caller's area), NothingPersonal, PersonalErased,
    PersonalKeyMissing.
    """
    authorize(who, ACTION)
    async with transaction(pool) as tx:
        found = await activities.find_sealed(tx, activity_id)
        if found is None or not who.area.covers(found.routing_key):
            raise ActivityNotFound(f"there is no activity {activity_id} for this caller")
        personal = _visited(vault, found)
        if once is None or not await note_once(tx, who, once):
            why = (who.subject, who.post, purpose, mask(note))
            await store.add_entries(tx, [Entry(uuid7(), clock(), "read", *why, None, found.routing_key, found.id)])
    return personal


def _visited(vault: Vault, found: Visited) -> visited.Personal:
    gone = _erased(f"activity {found.id}")
    if found.sealed is None:
        if found.ended:
            raise gone
        raise NothingPersonal(f"activity {found.id} names nobody apart, and nothing in its texts is masked")
    try:
        if found.subject is None:  # an older program sealed it
            return read_back(vault.sealer.unlock(found.id.bytes, found.sealed))
        if found.subject_key is None:
            raise gone
        return read_back(vault.open_under(found.subject, found.subject_key, found.sealed, found.id))
    except CannotUnseal:
        raise _key_missing(f"activity {found.id}") from None


async def note_once(tx: Connection, who: Principal, once: Once) -> bool:
    """Whether this very request was written down already; the answer itself is never stored. Raises KeyReused."""
    before = await idempotency.find(tx, SCHEMA, who.subject, once.key)
    if before is not None:
        same_request(before, once.asked)
        return True
    await idempotency.save(tx, SCHEMA, who.subject, once.key, Stored(once.asked, 200, None, b""))
    return False
