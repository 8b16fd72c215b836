"""Areas: read the hierarchy, put a new one."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from services.intake.commands.import_areas import import_areas
from services.intake.grids.reading import read_areas
from services.intake.queries.areas import AreaView
from services.intake.queries.areas import area as find_area
from services.intake.queries.areas import areas as list_areas
from services.intake.wiring import Wired
from shared.auth import Caller, authorize
from shared.http import Cursor, Listing, PageLimit, wired_of
from shared.kernel.area import AreaPath

router = APIRouter(tags=["areas 区域"])

Geometry = Annotated[bool, Query(description="with GeoJSON, WGS 84")]
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


class AreasTaken(BaseModel):
    """How many areas were defined anew or changed, stood already as given, or were retired."""

    defined: int
    unchanged: int
    retired: int
    version: int


@router.get("/v1/areas")
async def get_areas(
    request: Request,
    caller: Caller,
    level: Annotated[str | None, Query(description="only areas of this level, such as grid")] = None,
    parent: Annotated[str | None, Query(description="directly below it; with level, anywhere below it")] = None,
    geometry: Geometry = False,
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
    )


@router.get("/v1/areas/{path}")
async def get_area(request: Request, path: str, caller: Caller, geometry: Geometry = False) -> AreaView:
    """One area."""
    wired: Wired = wired_of(request)
    return await find_area(wired.pool, caller, path, geometry=geometry)


@router.put("/v1/areas", openapi_extra=_DOCUMENTED)
async def put_areas(
    request: Request,
    caller: Caller,
    retire_below: Annotated[str | None, Query(description="areas below it that the file lacks are retired")] = None,
) -> AreasTaken:
    """Define areas from a GeoJSON FeatureCollection (properties path, name, level) or CSV (path, name, level,
    geometry). Refused, with a list, if grids would leave blanks or overlap, or an area had no parent. What stands
    already as given is left alone.
    """
    wired: Wired = wired_of(request)
    authorize(caller, "areas:write")
    given = read_areas(await request.body(), request.headers.get("content-type", ""))
    taken = await import_areas(
        wired.pool,
        wired.outbox,
        wired.clock,
        given,
        levels=[level.key for level in wired.pack.levels],
        tolerance_m2=wired.settings.area_tolerance_m2,
        retire_below=None if retire_below is None else AreaPath.parse(retire_below, pointer="?retire_below"),
    )
    return AreasTaken(**taken._asdict())
