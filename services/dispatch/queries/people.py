"""Persons and rosters, now and as they were; units and persons that left with work in hand."""

from datetime import datetime
from typing import Any, NamedTuple

from services.dispatch.domain.people import CENTRE_OF, NO_CENTRE, PersonFields, masked, reach
from services.dispatch.domain.register import Entry
from services.dispatch.domain.roster import Assignment, Duty, roster_of
from services.dispatch.domain.roster import on_duty as decide
from services.dispatch.live import LiveDuty, staff_of
from services.dispatch.queries.cases import Page, Sight
from services.dispatch.store import holding, registers, roster, units
from shared.http import BadCursor, decode_cursor, encode_cursor
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, NotFound
from shared.postgres import ACQUIRE_SECONDS, Pool


class PersonNotFound(NotFound):
    slug, title, title_zh = "person-not-found", "No such person", "人员不存在"


class PeopleWanted(NamedTuple):
    """Filters of a list of persons; None does not filter."""

    area: AreaPath
    post: str | None = None
    unit: str | None = None


class Watch(NamedTuple):
    """Who is on duty at `at`, and the rows of the roster that the page shows."""

    at: datetime
    assignment: Assignment
    page: Page


async def list_persons(
    pool: Pool, sight: Sight, wanted: PeopleWanted, at: datetime | None, cursor: str | None, limit: int
) -> Page:
    """Persons in a post whose area lies within the caller's and the one wanted, by subject. Raises BadCursor.

    Read whole and filtered here: a city has thousands of them, and the list is asked for by a person.
    """
    after = _text_cursor(cursor)
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        _, now = await registers.versions(connection, ["people"])
        persons = await registers.persons_at(connection, at or now)
    found = [entry for key, entry in sorted(persons.items()) if key > after and _seen(entry, sight, wanted)]
    more = encode_cursor(found[limit - 1].key) if len(found) > limit else None
    return Page([_person(entry, masked) for entry in found[:limit]], more)


async def find_person(pool: Pool, sight: Sight, subject: str) -> dict[str, Any]:
    """One person in a post now, with the whole telephone number. Raises PersonNotFound."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        entry = await registers.person(connection, subject)
    if entry is None or not _seen(entry, sight, PeopleWanted(AreaPath.root())):
        raise PersonNotFound(f"nobody called {subject} is in a post in your area")
    return _person(entry, lambda phone: phone)


async def left_with_tasks(pool: Pool, sight: Sight) -> list[dict[str, Any]]:
    """Persons for whom open tasks wait that they cannot answer any more: in no post on the spot, or in another area."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        _, now = await registers.versions(connection, ["people"])
        known = await registers.persons_until(connection, now)
        within = {subject: reach(entry if entry.true_at(now) else None) for subject, entry in known.items()}
        tasks = await holding.persons(connection, within, sight.area)
    extra = {subject: {"successor": known[subject].successor, "open_tasks": tasks[subject]} for subject in tasks}
    return [_person(known[subject], masked) | extra[subject] for subject in tasks]


async def dissolved_with_cases(pool: Pool, sight: Sight) -> list[dict[str, Any]]:
    """Units that are no more and still have open cases: what the command centre 指挥中心 has to dispatch again."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        gone = await units.dissolved(connection)
        held = await holding.units(connection, gone, sight)
    return [gone[code] | {"open_cases": cases.led + cases.assisted} for code, cases in held.items()]


async def watch(
    pool: Pool, duty: LiveDuty, seen: AreaPath, area: AreaPath, at: datetime | None, cursor: str | None, limit: int
) -> Watch:
    """Who is on duty in `area`, and its rows as far as `seen` reaches. Of the past by what was in force then.

    Raises BadCursor.
    """
    after = _number_cursor(cursor)
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        _, now = await registers.versions(connection, ["roster"])
        then = min(at or now, now)
        rows = await roster.page(connection, then, seen, area, after, limit + 1)
        if at is not None and at < now:
            known = (await roster.known_at(connection, at)).values()
            persons = await registers.persons_at(connection, at)
            assignment = decide(roster_of(duty.zone, known, staff_of(persons)), area, at)
        else:
            assignment = duty.on_duty(area, at or now)
    more = encode_cursor(rows[limit - 1][0]) if len(rows) > limit else None
    return Watch(at or now, assignment, Page([_duty(row) for _, row in rows[:limit]], more))


def _seen(entry: Entry, sight: Sight, wanted: PeopleWanted) -> bool:
    person = PersonFields(*entry.fields)
    return (
        sight.area.covers(person.area)
        and wanted.area.covers(person.area)
        and (sight.unit is None or person.unit == sight.unit)
        and (wanted.post is None or person.post == wanted.post)
        and (wanted.unit is None or person.unit == wanted.unit)
    )


def _person(entry: Entry, phone: Any) -> dict[str, Any]:
    person = PersonFields(*entry.fields)
    centre = CENTRE_OF.get(person.post, NO_CENTRE)
    return {
        "subject": entry.key,
        **person._asdict(),
        "phone": phone(person.phone),
        "centre": None if centre == NO_CENTRE else centre,
        "valid_from": entry.valid_from,
        "valid_until": entry.valid_until,
    }


def _duty(row: Duty) -> dict[str, Any]:
    hours = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in (row.from_minute, row.until_minute))
    return {
        "area": row.area,
        "a": row.a,
        "b": row.b,
        "weekdays": sorted(row.weekdays),
        "hours": "-".join(hours),
        "from_day": row.from_day,
        "until_day": row.until_day,
        "absent_a": sorted(row.absent_a),
        "absent_b": sorted(row.absent_b),
    }


def _text_cursor(cursor: str | None) -> str:
    after = "" if cursor is None else decode_cursor(cursor, 1)[0]
    if not isinstance(after, str) or "\x00" in after:
        raise _bad_cursor()
    return after


def _number_cursor(cursor: str | None) -> int:
    after = 0 if cursor is None else decode_cursor(cursor, 1)[0]
    if not isinstance(after, int) or not 0 <= after < 2**63:
        raise _bad_cursor()
    return after


def _bad_cursor() -> BadCursor:
    return BadCursor("this cursor is not of this list", errors=[FieldError("?cursor", "not a cursor of this list")])
