"""Erase a person: the key of each subject with this telephone number, address, report or activity ends, and with it
every copy of what was sealed under it. Reports, cases, field work and scores stay as they are.

The pictures stay too: they show a matter of the city, and a case rests on them. What a device wrote into them of place
and time goes at once; they themselves go where whoever erases says that they show the person.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import orjson

from services.intake.commands.read_personal import SCHEMA, Once
from services.intake.commands.vault import Vault
from services.intake.domain.activity import ActivityNotFound
from services.intake.domain.contact import identifier
from services.intake.domain.purposes import Reason
from services.intake.domain.report import ReportNotFound
from services.intake.store import activities, media, subjects
from services.intake.store import personal as store
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
    """A person, by one of the four."""

    report: UUID | None = None
    phone: str | None = None
    email: str | None = None
    activity: UUID | None = None


class Erased(NamedTuple):
    """How many keys of persons ended, and how many reports and activities lost what was personal of them."""

    subjects: int
    reports: int
    activities: int = 0


async def erase_personal(
    pool: Pool,
    vault: Vault,
    clock: Clock,
    who: Principal,
    whom: Whom,
    reason: Reason,
    *,
    city: AreaPath,
    pictures: bool = False,
    once: Once | None = None,
) -> Erased:
    """A person who is not known gives zeros. The caller's area must be all of the city: a person is not of one part.
    `pictures`: the media that their reports and field work name goes too.

    Raises ActionNotAllowed, OutsideScope, BadContact, ReportNotFound, ActivityNotFound.
    """
    authorize(who, ACTION, city)
    mark = None
    if whom.report is None and whom.activity is None:
        async with pool.acquire() as connection:
            mark = await vault.mark(connection, identifier(whom.phone, whom.email))
    async with transaction(pool) as tx:
        if once is not None and (before := await idempotency.find(tx, SCHEMA, who.subject, once.key)):
            return Erased(*orjson.loads(same_request(before, once.asked).body))
        found: Sequence[UUID]
        alone: list[UUID] = []
        visits: list[UUID] = []
        if mark is not None:
            found = await subjects.by_mark(tx, mark)
        elif whom.activity is not None:
            found, visits = await _of_activity(tx, whom.activity)
        else:
            found, alone = await _of_report(tx, whom.report)
        ended = await subjects.lock(tx, found)
        reports = await store.clear(tx, [*await store.end_subjects(tx, found), *alone])
        visited = [*await activities.clear_subjects(tx, found), *await activities.clear(tx, visits)]
        named = await media.named_by(tx, [report for report, _ in reports], [activity for activity, _ in visited])
        await (media.drop if pictures else media.forget_offered_of)(tx, named)
        entries = [
            *(_entry(clock, who, reason, key, report=report) for report, key in reports),
            *(_entry(clock, who, reason, key, activity=activity) for activity, key in visited),
        ]
        await store.add_entries(tx, entries or [_entry(clock, who, reason, str(city))])
        erased = Erased(len(ended), len(reports), len(visited))
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


async def _of_activity(tx: Connection, activity_id: UUID) -> tuple[Sequence[UUID], list[UUID]]:
    """As `_of_report`; the activity itself where an older program sealed it."""
    found = await activities.find_sealed(tx, activity_id)
    if found is None:
        raise ActivityNotFound(f"there is no activity {activity_id}")
    if found.subject is None:
        return [], [found.id]
    return await subjects.same_person(tx, found.subject), []


def _entry(
    clock: Clock,
    who: Principal,
    reason: Reason,
    routing_key: str,
    *,
    report: UUID | None = None,
    activity: UUID | None = None,
) -> Entry:
    return Entry(uuid7(), clock(), "erase", who.subject, who.post, reason, "", report, routing_key, activity)
