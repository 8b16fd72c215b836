"""Areas cut anew: split, merged, planned for a day; and the versions there were."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from services.intake.api.area_shapes import AreasTaken, PlanView, VersionView, plan_view
from services.intake.api.changing import DRY_RUN, EFFECTIVE, JSON, NOTE, Asked, change_as_asked, once_of
from services.intake.commands.plan_areas import withdraw_plan
from services.intake.commands.recut_areas import merge, split
from services.intake.domain.area import Finding, GivenArea, refuse
from services.intake.grids.shapes import read_shapes, text_of
from services.intake.queries import area_changes as queries
from services.intake.wiring import Wired
from shared.auth import Caller, authorize
from shared.http import AREA_PATH, Body, Cursor, Listing, PageLimit, refusals, wired_of
from shared.idempotency import IdempotencyKey
from shared.kernel.area import AreaPath
from shared.kernel.place import Datum

router = APIRouter(tags=["areas 区域"])

Path = Annotated[str, Field(json_schema_extra=AREA_PATH)]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": AreasTaken},
    202: {"model": AreasTaken},
    **refusals(404),
}


class PartBody(Body):
    """An area that a split makes; one of them may keep the path of what was split."""

    path: Path
    name: Annotated[str, Field(min_length=1, max_length=200)]
    geometry: dict[str, Any] | None = None


class SplitBody(Body):
    """Two areas or more that together cover what the one did."""

    into: Annotated[list[PartBody], Field(min_length=2, max_length=50)]
    datum: Datum = Datum.WGS84


class IntoBody(Body):
    """What the merged areas become; it may keep the path of one of them."""

    path: Path
    name: Annotated[str, Field(min_length=1, max_length=200)]


class MergeBody(Body):
    """Areas side by side in one area, and what they become."""

    areas: Annotated[list[Path], Field(min_length=2, max_length=50)]
    into: IntoBody


@router.post("/v1/areas/{path}/split", response_class=Response, responses=_ANSWERS)
async def post_split(
    request: Request,
    path: str,
    body: SplitBody,
    caller: Caller,
    dry_run: DRY_RUN = False,
    effective: EFFECTIVE = None,
    note: NOTE = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Split a grid 网格拆分. Reports and cases keep the grid they were born in; what came from what is kept."""
    wired: Wired = wired_of(request)
    whole = AreaPath.parse(path, pointer="path")
    authorize(caller, "areas:write", whole)
    if (before := await _answered(wired, request, caller, idempotency_key)) is not None:
        return before
    found: list[Finding] = []
    where = [f"/into/{n}/geometry" for n in range(len(body.into))]
    texts: list[bytes | str | None] = [None if part.geometry is None else text_of(part.geometry) for part in body.into]
    shapes = read_shapes(texts, where, body.datum, found)
    refuse(found)
    parts = [
        GivenArea(AreaPath.parse(part.path, pointer=f"/into/{n}/path"), part.name, "", shape, f"/into/{n}")
        for n, (part, shape) in enumerate(zip(body.into, shapes, strict=True))
    ]
    change = await split(wired.pool, whole, parts)
    asked = Asked(dry_run, effective, note, idempotency_key)
    return await change_as_asked(wired, caller, request, change, asked)


@router.post("/v1/areas/merge", response_class=Response, responses=_ANSWERS)
async def post_merge(
    request: Request,
    body: MergeBody,
    caller: Caller,
    dry_run: DRY_RUN = False,
    effective: EFFECTIVE = None,
    note: NOTE = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Merge grids 网格合并 that lie side by side into one."""
    wired: Wired = wired_of(request)
    paths = [AreaPath.parse(area, pointer=f"/areas/{n}") for n, area in enumerate(body.areas)]
    for area in paths:
        authorize(caller, "areas:write", area)
    if (before := await _answered(wired, request, caller, idempotency_key)) is not None:
        return before
    change = await merge(wired.pool, paths, AreaPath.parse(body.into.path, pointer="/into/path"), body.into.name)
    asked = Asked(dry_run, effective, note, idempotency_key)
    return await change_as_asked(wired, caller, request, change, asked)


async def _answered(wired: Wired, request: Request, caller: Caller, key: str | None) -> Response | None:
    once = await once_of(request, caller, key)
    before = None if once is None else await once.answered(wired.pool)
    if before is None:
        return None
    return Response(before, 200 if orjson.loads(before)["plan"] is None else 202, media_type=JSON)


@router.get("/v1/area-versions")
async def get_versions(
    request: Request, caller: Caller, cursor: Cursor = None, limit: PageLimit = 50
) -> Listing[VersionView]:
    """Every change of the areas, the youngest first."""
    wired: Wired = wired_of(request)
    found, following = await queries.versions(wired.pool, caller, cursor=cursor, limit=limit)
    return Listing(items=[VersionView(**each._asdict()) for each in found], next=following)


@router.get("/v1/area-plans")
async def get_plans(
    request: Request, caller: Caller, cursor: Cursor = None, limit: PageLimit = 50
) -> Listing[PlanView]:
    """Changes that take effect on a day, and what became of them; the one that was made last first."""
    wired: Wired = wired_of(request)
    found, following = await queries.plans(wired.pool, caller, cursor=cursor, limit=limit)
    return Listing(items=[plan_view(each) for each in found], next=following)


@router.get("/v1/area-plans/{plan_id}")
async def get_plan(request: Request, plan_id: UUID, caller: Caller) -> PlanView:
    """One change that takes effect on a day, and what became of it."""
    wired: Wired = wired_of(request)
    return plan_view(await queries.plan(wired.pool, caller, plan_id))


@router.delete("/v1/area-plans/{plan_id}", responses=refusals(409))
async def delete_plan(request: Request, plan_id: UUID, caller: Caller) -> PlanView:
    """Withdraw a change before it takes effect."""
    wired: Wired = wired_of(request)
    authorize(caller, "areas:write")
    return plan_view(await withdraw_plan(wired.pool, wired.clock, plan_id))
