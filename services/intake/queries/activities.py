"""Field work, page by page or one: a field worker sees their own, who leads or scores sees all of their area."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.intake.domain.activity import ActivityNotFound
from services.intake.store import activities as store
from services.intake.store.activities import Shown
from shared.auth import ActionNotAllowed, OutsideScope, Principal, authorize
from shared.contracts.base import Point
from shared.http import BadCursor, Listing, decode_cursor, encode_cursor
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError
from shared.postgres import Pool

READ, CREATE = "activities:read", "activities:create"


class ActivityView(BaseModel):
    """An activity 工作记录. `details` are the members of its kind, texts masked; `track` is there where one is read
    alone.
    """

    id: UUID
    kind: str
    worker: str
    post: str
    routing_key: str
    grids: list[str]
    location: Point
    started_at: datetime
    ended_at: datetime
    recorded_at: datetime
    details: dict[str, Any]
    media: list[UUID]
    reports: list[UUID]
    track: list[list[float]] | None = None


async def activities(
    pool: Pool,
    who: Principal,
    *,
    worker: str | None,
    kind: str | None,
    area: str | None,
    since: datetime | None,
    until: datetime | None,
    cursor: str | None,
    limit: int,
) -> Listing[ActivityView]:
    """The newest first. Raises ActionNotAllowed, OutsideScope, BadCursor."""
    asked = AreaPath.parse(area, "?area") if area else who.area
    if READ in who.actions:
        if not who.area.covers(asked):
            raise OutsideScope(
                f"{asked} lies outside {who.area}, the area of {who.subject}",
                errors=[FieldError("?area", f"within {who.area}")],
            )
    else:
        worker = _own(who, worker)
    before = None
    if cursor is not None:
        at, last = decode_cursor(cursor, 2)
        try:
            before = (datetime.fromisoformat(at), UUID(last))
        except (TypeError, ValueError, AttributeError):
            raise BadCursor("give the 'next' of the page before, unchanged, or leave it out") from None
    found = await store.page(
        pool,
        worker=worker,
        kind=kind,
        area=asked if READ in who.actions or area else "",
        since=since,
        until=until,
        before=before,
        limit=limit + 1,
    )
    last_shown = found[limit - 1] if len(found) > limit else None
    following = None if last_shown is None else encode_cursor(last_shown.started_at.isoformat(), str(last_shown.id))
    return Listing(items=[_view(each) for each in found[:limit]], next=following)


async def activity(pool: Pool, who: Principal, activity_id: UUID) -> ActivityView:
    """Raises ActivityNotFound, also for one that the caller may not see: no hint that it exists."""
    if READ not in who.actions:
        authorize(who, CREATE)
    found = await store.find(pool, activity_id)
    if found is None or not _sees(who, found[0]):
        raise ActivityNotFound(f"there is no activity {activity_id} for this caller")
    return _view(*found)


def _own(who: Principal, worker: str | None) -> str:
    authorize(who, CREATE)
    if worker is not None and worker != who.subject:
        raise ActionNotAllowed(
            f"{READ} is needed to see what others recorded; {who.subject} sees their own",
            facts={"needed": READ, "post": who.post},
        )
    return who.subject


def _sees(who: Principal, shown: Shown) -> bool:
    return shown.worker == who.subject or (READ in who.actions and who.area.covers(shown.routing_key))


def _view(shown: Shown, track: list[Any] | None = None) -> ActivityView:
    whole = shown._asdict()
    lon, lat = whole.pop("lon"), whole.pop("lat")
    return ActivityView(**whole, location=Point(lon=lon, lat=lat), track=track)
