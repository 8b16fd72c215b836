"""Areas cut anew: split, merged, planned for a day; and the versions there were."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.intake.api.area_shapes import AreasTaken, PlanView, VersionView, plan_view
from services.intake.api.area_work import Merge, MergeBody, Split, SplitBody
from services.intake.api.changing import DRY_RUN, EFFECTIVE, NOTE, Asked, change_as_asked
from services.intake.commands.plan_areas import withdraw_plan
from services.intake.queries import area_changes as queries
from services.intake.wiring import Wired
from shared.auth import Caller, authorize
from shared.http import Cursor, Listing, PageLimit, refusals, wired_of
from shared.idempotency import IdempotencyKey
from shared.kernel.area import AreaPath

router = APIRouter(tags=["areas 区域"])

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": AreasTaken},
    202: {"model": AreasTaken},
    **refusals(404),
}


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
    asked = Asked(dry_run, effective, note, idempotency_key)
    return await change_as_asked(wired, caller, request, Split(whole, body), asked)


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
    what = Merge(paths, AreaPath.parse(body.into.path, pointer="/into/path"), body.into.name)
    return await change_as_asked(wired, caller, request, what, Asked(dry_run, effective, note, idempotency_key))


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
