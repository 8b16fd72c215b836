"""Cases, one or many, as far as the caller may see them."""

from typing import Any, NamedTuple
from uuid import UUID

from services.dispatch.domain.refusals import CaseNotFound
from services.dispatch.store import reading
from services.dispatch.store.reading import Seen, Sight, Wanted
from shared.http import BadCursor, decode_cursor, encode_cursor
from shared.kernel.errors import FieldError
from shared.postgres import ACQUIRE_SECONDS, Pool, transaction

__all__ = ["Page", "Seen", "Sight", "Wanted", "find_case", "list_cases"]


class Page(NamedTuple):
    """A page of a list, and the cursor of the one after it; None on the last."""

    items: list[Any]
    next: str | None


async def find_case(pool: Pool, case_id: UUID, sight: Sight) -> Seen:
    """Raises CaseNotFound for a case that does not exist or that the caller may not see."""
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        seen = await reading.one(connection, case_id, sight)
    if seen is None:
        raise CaseNotFound(f"there is no case {case_id} among those you may see")
    return seen


async def list_cases(pool: Pool, sight: Sight, wanted: Wanted, cursor: str | None, limit: int) -> Page:
    """Newest first. Raises BadCursor."""
    before = uuid_cursor(cursor)
    async with transaction(pool) as tx:
        found = await reading.page(tx, sight, wanted, before, limit + 1)
    more = encode_cursor(str(found[limit - 1].case.id)) if len(found) > limit else None
    return Page(found[:limit], more)


def uuid_cursor(cursor: str | None) -> UUID | None:
    """The id that a cursor of a list by id holds. Raises BadCursor."""
    if cursor is None:
        return None
    try:
        return UUID(decode_cursor(cursor, 1)[0])
    except (ValueError, AttributeError, TypeError):
        raise _bad_cursor() from None


def version_cursor(cursor: str | None) -> int:
    """The version that a cursor of a timeline holds; 0 without one. Raises BadCursor."""
    if cursor is None:
        return 0
    version = decode_cursor(cursor, 1)[0]
    if not isinstance(version, int) or not 0 <= version < 2**31:
        raise _bad_cursor()
    return version


def _bad_cursor() -> BadCursor:
    return BadCursor("this cursor is not of this list", errors=[FieldError("?cursor", "not a cursor of this list")])
