"""Field work 工作记录, counted by worker."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.evaluation.domain.period import FORMS, month_of, parse_period
from services.evaluation.queries.activities import WorkerActivities, worker_activities
from services.evaluation.wiring import Wired
from shared.auth import Caller, authorize
from shared.http import AREA, Cursor, Listing, PageLimit, wired_of
from shared.kernel.area import AreaPath

router = APIRouter(tags=["activities"])


@router.get("/v1/activities", summary="What field workers did 工作记录统计")
async def get_activities(
    request: Request,
    who: Caller,
    area: Annotated[
        str | None, Query(description="in this area and below it; left out: the caller's area", json_schema_extra=AREA)
    ] = None,
    period: Annotated[str | None, Query(description=f"{FORMS}, where the city is; left out: the present month")] = None,
    limit: PageLimit = 50,
    cursor: Cursor = None,
) -> Listing[WorkerActivities]:
    """A line for each worker: patrols, visits, inspections, diary entries and meetings that began in the period."""
    wired: Wired = wired_of(request)
    path = who.area if area is None else AreaPath.parse(area, "?area") if area else AreaPath.root()
    authorize(who, "activities:read", path)
    zone = wired.pack.zone
    asked = month_of(wired.clock(), zone) if period is None else parse_period(period, zone)
    return await worker_activities(wired.pool, asked, path, wired.pack.time_zone, cursor=cursor, limit=limit)
