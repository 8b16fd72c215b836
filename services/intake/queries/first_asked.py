"""Reports that whoever took them in still answers for."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.intake.domain.first_asked import Answerable
from services.intake.store import first_asked as store
from shared.auth import Principal, authorize
from shared.http import BadCursor, Listing, decode_cursor, encode_cursor
from shared.kernel.area import AreaPath
from shared.postgres import Connection, Pool


class FirstAsked(BaseModel):
    """Who took a report in 首问责任人, and until when they answer for it: `lapsed_at` is null while they do."""

    by: str = Field(description="the person, or the app, that took it in")
    since: datetime
    lapsed_at: datetime | None
    taken_over_by: str | None = Field(description="null too where its case ended by itself")
    post: str | None
    act: str | None
    overdue_at: datetime | None = Field(description="when it was told that nobody had taken it over in time")


class StillAnswerable(BaseModel):
    """A report that nobody has taken over."""

    report_id: UUID
    routing_key: str
    by: str
    since: datetime
    overdue_at: datetime | None


async def of_report(connection: Connection, report_id: UUID) -> FirstAsked | None:
    """None until the report has a case."""
    found = await store.find(connection, report_id)
    if found is None:
        return None
    return FirstAsked(
        by=found.subject,
        since=found.since,
        lapsed_at=found.lapsed_at,
        taken_over_by=found.lapsed_by,
        post=found.post,
        act=found.act,
        overdue_at=found.overdue_at,
    )


async def still_answerable(
    pool: Pool,
    who: Principal,
    area: AreaPath,
    *,
    subject: str | None,
    overdue: bool | None = None,
    cursor: str | None,
    limit: int,
) -> Listing[StillAnswerable]:
    """The longest waiting first. Raises BadCursor."""
    authorize(who, "reports:read")
    after = None if cursor is None else _place(cursor)
    # An app sees what it took in itself.
    mine = who.subject if who.kind == "app" else subject
    async with pool.acquire() as connection:
        found = await store.page(connection, who.area, area, mine, after, limit + 1, overdue)
    following = _cursor(found[limit - 1]) if len(found) > limit else None
    items = [
        StillAnswerable(
            report_id=each.report_id,
            routing_key=each.area,
            by=each.subject,
            since=each.since,
            overdue_at=each.overdue_at,
        )
        for each in found[:limit]
    ]
    return Listing(items=items, next=following)


def _cursor(last: Answerable) -> str:
    return encode_cursor(last.since.isoformat(), str(last.report_id))


def _place(cursor: str) -> tuple[datetime, UUID]:
    since, report_id = decode_cursor(cursor, 2)
    try:
        at, place = datetime.fromisoformat(str(since)), UUID(str(report_id))
    except ValueError:
        raise BadCursor("give the 'next' of the page before, unchanged, or leave it out") from None
    if at.tzinfo is None:
        raise BadCursor("give the 'next' of the page before, unchanged, or leave it out")
    return at, place
