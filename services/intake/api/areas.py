"""Areas: read the hierarchy as it is or was, put a new one."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.intake.api.area_shapes import AreasTaken
from services.intake.api.area_work import Sent
from services.intake.api.changing import DAY, DRY_RUN, EFFECTIVE, NOTE, Asked, change_as_asked
from services.intake.domain.effective import time_of
from services.intake.queries.areas import AreaView
from services.intake.queries.areas import area as find_area
from services.intake.queries.areas import areas as list_areas
from services.intake.wiring import Wired
from shared.auth import Caller, authorize
from shared.http import AREA, Cursor, Listing, PageLimit, wired_of
from shared.kernel.area import AreaPath
from shared.kernel.place import Datum

router = APIRouter(tags=["areas 区域"])

Geometry = Annotated[bool, Query(description="with GeoJSON, WGS 84")]
At = Annotated[
    str | None,
    Query(
        description="as they stood at a time (RFC 3339), or when a day (2027-01-01) began",
        max_length=40,
        json_schema_extra=DAY,
    ),
]
_DOCUMENTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/geo+json": {"schema": {"type": "object"}},
            "text/csv": {
                "schema": {"type": "string"},
                "example": "path,name,level,geometry\n110108,海淀区,district,\n",
            },
        },
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": AreasTaken,
        "content": {"text/html": {"schema": {"type": "string"}}},
        "description": "what was done, or with `dry_run` would be; `Accept: text/html` draws a dry run as a map",
    }
}


@router.get("/v1/areas")
async def get_areas(
    request: Request,
    caller: Caller,
    level: Annotated[str | None, Query(description="only areas of this level, such as grid")] = None,
    parent: Annotated[
        str | None, Query(description="directly below it; with level, anywhere below it", json_schema_extra=AREA)
    ] = None,
    geometry: Geometry = False,
    at: At = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[AreaView]:
    """Areas in the order of their paths."""
    wired: Wired = wired_of(request)
    return await list_areas(
        wired.pool,
        wired.pack,
        caller,
        level=level,
        parent=parent,
        geometry=geometry,
        cursor=cursor,
        limit=limit,
        at=None if at is None else time_of(at, wired.pack.zone, "?at"),
    )


@router.get("/v1/areas/{path}")
async def get_area(request: Request, path: str, caller: Caller, geometry: Geometry = False, at: At = None) -> AreaView:
    """One area, as it stands or stood."""
    wired: Wired = wired_of(request)
    when = None if at is None else time_of(at, wired.pack.zone, "?at")
    return await find_area(wired.pool, caller, path, geometry=geometry, at=when)


@router.put("/v1/areas", response_class=Response, openapi_extra=_DOCUMENTED, responses=_ANSWERS)
async def put_areas(
    request: Request,
    caller: Caller,
    retire_below: Annotated[
        str | None, Query(description="areas below it that the file lacks are retired", json_schema_extra=AREA)
    ] = None,
    datum: Annotated[Datum | None, Query(description="of the coordinates; a file may say its own")] = None,
    dry_run: DRY_RUN = False,
    effective: EFFECTIVE = None,
    note: NOTE = None,
) -> Response:
    """Define areas from a GeoJSON FeatureCollection (properties path, name, level) or CSV (path, name, level,
    geometry). Refused, with a list, if grids would leave blanks or overlap, or an area had no parent. What stands
    already as given is left alone. `predecessors` of an area are those it was cut from, which end unless given too.
    """
    wired: Wired = wired_of(request)
    below = None if retire_below is None else AreaPath.parse(retire_below, pointer="?retire_below")
    authorize(caller, "areas:write", below)
    sent = Sent(await request.body(), request.headers.get("content-type", ""), datum, below)
    return await change_as_asked(wired, caller, request, sent, Asked(dry_run, effective, note))
