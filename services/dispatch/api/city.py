"""Tasks on the spot, handling units, and who the caller is."""

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.dispatch.api.asking import JSON, Area, At, Parts, sight_of
from services.dispatch.api.shapes import Me, TaskShape, UnitShape
from services.dispatch.queries import city, people
from shared.auth import Caller, authorize
from shared.http import Cursor, Listing, PageLimit

router = APIRouter(prefix="/v1", tags=["city 全市"])


@router.get(
    "/tasks",
    response_class=Response,
    responses={200: {"model": Listing[TaskShape]}},
    summary="Open verifications and checks",
)
async def get_tasks(
    who: Caller,
    parts: Parts,
    area: Area,
    kind: Annotated[Literal["verification", "check"] | None, Query()] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Response:
    authorize(who, "tasks:read")
    page = await city.list_tasks(parts.pool, sight_of(who), area, kind, cursor, limit)
    return Response(orjson.dumps({"items": page.items, "next": page.next}), media_type=JSON)


@router.get("/units", summary="Handling units that work in an area")
async def get_units(
    who: Caller,
    parts: Parts,
    area: Area,
    at: At = None,
    dissolved_with_cases: Annotated[
        bool, Query(description="instead: units that are no more, and still have open cases to be dispatched again")
    ] = False,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[UnitShape]:
    authorize(who, "cases:read")
    if dissolved_with_cases:
        left = await people.dissolved_with_cases(parts.pool, sight_of(who))
        return Listing(items=[UnitShape(**unit) for unit in left])
    page = await city.list_units(parts.pool, area, at, cursor, limit)
    return Listing(items=[UnitShape(**unit) for unit in page.items], next=page.next)


@router.get("/me", summary="Who the caller is")
async def get_me(who: Caller) -> Me:
    return Me(subject=who.subject, centre=who.centre, post=who.post, area=who.area, unit=who.unit)
