"""Who read or erased what is personal, for auditors."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.intake.store import personal as store
from shared.auth import Principal, authorize
from shared.http import BadCursor, Listing, decode_cursor, encode_cursor
from shared.kernel.errors import FieldError
from shared.postgres import Pool

_LAST = UUID(int=2**128 - 1)


class LogView(BaseModel):
    """One row of the log 个人信息操作记录: `act` is read, erase, expire or rewrap."""

    id: UUID
    at: datetime
    act: str
    actor: str
    post: str | None
    purpose: str
    note: str
    report_id: UUID | None
    activity_id: UUID | None
    routing_key: str


async def personal_log(
    pool: Pool,
    who: Principal,
    *,
    report_id: UUID | None,
    activity_id: UUID | None = None,
    act: str | None,
    cursor: str | None,
    limit: int,
) -> Listing[LogView]:
    """The newest first, of the caller's area. Raises ActionNotAllowed, BadCursor."""
    authorize(who, "audit:read")
    before = _before(cursor)
    found = await store.entries(pool, before, str(who.area), report_id, activity_id, act, limit + 1)
    items = [LogView(**entry._asdict()) for entry in found[:limit]]
    return Listing(items=items, next=encode_cursor(str(items[-1].id)) if len(found) > limit else None)


def _before(cursor: str | None) -> UUID:
    if cursor is None:
        return _LAST
    (last,) = decode_cursor(cursor, 1)
    try:
        return UUID(last)
    except (ValueError, AttributeError, TypeError):
        raise BadCursor(
            "give the 'next' of the page before, unchanged, or leave it out",
            errors=[FieldError("?cursor", "not a cursor")],
        ) from None
