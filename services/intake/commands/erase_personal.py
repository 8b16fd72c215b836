"""Erase a person: the key of each subject with this telephone number, address or report ends, and with it every copy of
what was sealed under it. Reports, cases and scores stay as they are.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import orjson

from services.intake.commands.read_personal import SCHEMA, Once
from services.intake.commands.vault import Vault
from services.intake.domain.contact import identifier
from services.intake.domain.purposes import Reason
from services.intake.domain.report import ReportNotFound
from services.intake.store import personal as store
from services.intake.store import subjects
from services.intake.store.personal import Entry
from shared import idempotency
from shared.auth import Principal, authorize
from shared.idempotency import Stored, same_request
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock
from shared.kernel.ids import uuid7
from shared.postgres import Connection, Pool, transaction

ACTION = "personal:erase"


class Whom(NamedTuple):
    """A person, by one of the three."""

    report: UUID | None = None
    phone: str | None = None
    email: str | None = None


class Erased(NamedTuple):
    """How many keys of persons ended, and how many reports lost what was personal of them."""

    subjects: int
    reports: int


async def erase_personal(
    pool: Pool,
    vault: Vault,
    clock: Clock,
    who: Principal,
    whom: Whom,
    reason: Reason,
    *,
    city: AreaPath,
    once: Once | None = None,
) -> Erased:
    """A person who is not known gives 0 and 0. The caller's area must be all of the city: a person is not of one part.

    Raises ActionNotAllowed, OutsideScope, BadContact, ReportNotFound.
    """
    authorize(who, ACTION, city)
    mark = None
    if whom.report is None:
        async with pool.acquire() as connection:
            mark = await vault.mark(connection, identifier(whom.phone, whom.email))
    async with transaction(pool) as tx:
        if once is not None and (before := await idempotency.find(tx, SCHEMA, who.subject, once.key)):
            return Erased(*orjson.loads(same_request(before, once.asked).body))
        found: Sequence[UUID]
        alone: list[UUID] = []
        if mark is not None:
            found = await subjects.by_mark(tx, mark)
        else:
            found, alone = await _of_report(tx, whom.report)
        ended = await subjects.lock(tx, found)
        reports = [*await store.end_subjects(tx, found), *alone]
        cleared = await store.clear(tx, reports)
        entries = [_entry(clock, who, reason, report, key) for report, key in cleared]
        await store.add_entries(tx, entries or [_entry(clock, who, reason, None, str(city))])
        erased = Erased(len(ended), len(cleared))
        if once is not None:
            answer = Stored(once.asked, 200, None, orjson.dumps(tuple(erased)))
            await idempotency.save(tx, SCHEMA, who.subject, once.key, answer)
    return erased


async def _of_report(tx: Connection, report_id: UUID | None) -> tuple[Sequence[UUID], list[UUID]]:
    """The report's subject, and all others of the same person; the report itself where it has no subject."""
    found = None if report_id is None else await store.find(tx, report_id)
    if found is None:
        raise ReportNotFound(f"there is no report {report_id}")
    if found.subject is None:
        return [], [found.id]
    return await subjects.same_person(tx, found.subject), []


def _entry(clock: Clock, who: Principal, reason: Reason, report: UUID | None, routing_key: str) -> Entry:
    return Entry(uuid7(), clock(), "erase", who.subject, who.post, reason, "", report, routing_key)
