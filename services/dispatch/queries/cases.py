"""Cases, one or many, as far as the caller may see them."""

from enum import StrEnum
from uuid import UUID

from services.dispatch.domain.refusals import CaseNotFound
from services.dispatch.queries.pages import Page, bad_cursor, fingerprint, place_cursor, place_of
from services.dispatch.store import lists, reading
from services.dispatch.store.lists import Place, Seen
from services.dispatch.store.wanted import Sight, Wanted
from shared.http import decode_cursor
from shared.postgres import ACQUIRE_SECONDS, Pool, transaction

__all__ = ["Page", "Seen", "Sight", "Sort", "Wanted", "find_case", "list_cases"]


class Sort(StrEnum):
    """`due`: open cases alone, by when the clock that runs is due, those without one last."""

    NEWEST = "newest"
    OLDEST = "oldest"
    DUE = "due"


async def find_case(pool: Pool, case_id: UUID, sight: Sight) -> Seen:
    """Raises CaseNotFound for a case that does not exist or that the caller may not see."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        seen = await reading.one(connection, case_id, sight)
    if seen is None:
        raise CaseNotFound(f"there is no case {case_id} among those you may see")
    return seen


async def list_cases(pool: Pool, sight: Sight, wanted: Wanted, sort: Sort, cursor: str | None, limit: int) -> Page:
    """A page in the order of `sort`. A walk over the pages shows no case twice, and each that stood still.

    Raises BadCursor, CursorOfOtherList.
    """
    list_ = fingerprint("cases", wanted, sort)
    after = place_of(cursor, list_)
    async with transaction(pool) as tx:
        if sort is Sort.DUE:
            found, places = await lists.by_urgency(tx, sight, wanted, limit + 1, after)
        else:
            newest = sort is Sort.NEWEST
            found = await lists.by_age(tx, sight, wanted, limit + 1, after.id if after else None, newest=newest)
            places = [Place("", seen.case.id, "") for seen in found]
    more = place_cursor(list_, places[limit - 1]) if len(found) > limit else None
    return Page(found[:limit], more)


def uuid_cursor(cursor: str | None) -> UUID | None:
    """The id that a cursor of a list by id holds. Raises BadCursor."""
    if cursor is None:
        return None
    try:
        return UUID(decode_cursor(cursor, 1)[0])
    except (ValueError, AttributeError, TypeError):
        raise bad_cursor() from None


def version_cursor(cursor: str | None) -> int:
    """The version that a cursor of a timeline holds; 0 without one. Raises BadCursor."""
    if cursor is None:
        return 0
    version = decode_cursor(cursor, 1)[0]
    if not isinstance(version, int) or not 0 <= version < 2**31:
        raise bad_cursor()
    return version
