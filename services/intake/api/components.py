"""Components 部件: the registry of what stands in the city."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from services.intake.api.component_body import ComponentBody, code_of, component_of
from services.intake.commands.put_component import put_component
from services.intake.domain.cells import Box
from services.intake.domain.component import State
from services.intake.queries import components as reading
from services.intake.queries.component_history import ComponentVersion, component_history
from services.intake.queries.components import Asked, ComponentReport, ComponentView, NearComponent
from services.intake.queries.ownership import Ownership
from services.intake.queries.ownership import ownership as owned
from services.intake.wiring import Wired
from shared.auth import Caller, authorize
from shared.http import AREA, Cursor, Listing, PageLimit, etag, if_match, refusals, wired_of
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Invalid
from shared.kernel.place import Datum, to_wgs84

router = APIRouter(prefix="/v1/components", tags=["components 部件"])

Code = Annotated[
    str,
    Path(
        description="its code 部件标识码: 17 digits, or 16 as before 2026",
        json_schema_extra={"pattern": r"^\d{16,17}$"},
    ),
]


class BadBox(Invalid):
    slug, title, title_zh = "bad-bbox", "Not a bounding box", "范围无效"


def _box(text: str) -> Box:
    try:
        box = Box(*map(float, text.split(",")))
    except (TypeError, ValueError):
        raise _bad_box("give west,south,east,north in degrees WGS 84: 116.30,39.98,116.32,40.00") from None
    if not (-180 <= box.west < box.east <= 180 and -90 <= box.south < box.north <= 90):
        raise _bad_box("west must be less than east and south less than north; longitude comes first")
    return box


def _bad_box(right: str) -> BadBox:
    return BadBox(f"bbox: {right}", errors=[FieldError("?bbox", right)])


def _area(text: str | None) -> AreaPath:
    return AreaPath.parse(text, pointer="?area") if text else AreaPath.root()


Area = Annotated[str | None, Query(description="an area path: in it and everything below it", json_schema_extra=AREA)]
Kind = Annotated[str | None, Query(max_length=64, description="a component's code of the catalogue, such as 01001")]


@router.get("", summary="Components, by area, kind, owner or box")
async def get_components(
    request: Request,
    caller: Caller,
    area: Area = None,
    kind: Kind = None,
    owner: Annotated[str | None, Query(max_length=100, description="the owner's code, or name without one")] = None,
    owned: Annotated[bool | None, Query(description="only those with an owner, or only those without")] = None,
    state: Annotated[list[State] | None, Query(description="one or more states")] = None,
    bbox: Annotated[str | None, Query(description="west,south,east,north, WGS 84")] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[ComponentView]:
    """Removed ones too, unless `state` says otherwise."""
    wired: Wired = wired_of(request)
    asked = Asked(_area(area), kind, owner, state, owned, None if bbox is None else _box(bbox))
    return await reading.components(wired.pool, caller, asked, cursor=cursor, limit=limit)


@router.get("/nearest", summary="The nearest components of a place 就近部件")
async def get_nearest(
    request: Request,
    caller: Caller,
    lon: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False)],
    lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False)],
    datum: Datum = Datum.WGS84,
    kind: Kind = None,
    within: Annotated[float, Query(gt=0, le=1_000, allow_inf_nan=False, description="metres")] = 200.0,
    limit: Annotated[int, Query(ge=1, le=50)] = 5,
) -> Listing[NearComponent]:
    """What somebody who reports from there most likely means, the nearest first; name its code in the report's
    `location`.
    """
    wired: Wired = wired_of(request)
    place = to_wgs84(lon, lat, datum)
    return Listing(items=await reading.nearest(wired.pool, caller, place, kind, within_m=within, limit=limit))


@router.get("/ownership", summary="How many components have a known owner 权属清晰率")
async def get_ownership(
    request: Request,
    caller: Caller,
    area: Area = None,
    by: Literal["area", "kind"] = "area",
    kind: Kind = None,
) -> Ownership:
    """Of the components that stand, by the parts of `area` or by kind."""
    wired: Wired = wired_of(request)
    return await owned(wired.pool, caller, _area(area), by=by, kind=kind)


@router.get("/{code}", summary="One component")
async def get_component(request: Request, response: Response, code: Code, caller: Caller) -> ComponentView:
    wired: Wired = wired_of(request)
    authorize(caller, reading.ACTION)
    kept = await reading.component(wired.pool, caller, code_of(code, wired.codes, "path code").number)
    response.headers["ETag"] = etag(kept.version)
    return reading.view(kept)


@router.put(
    "/{code}",
    summary="Register a component, or change it",
    responses={201: {"model": ComponentView}, **refusals(409, 412)},
)
async def put_one(
    request: Request, response: Response, code: Code, caller: Caller, body: ComponentBody
) -> ComponentView:
    """All of it: what is left out is not known. With `If-Match` only if it still is at that version. What stood before
    stays in its history; put again as it stands it is left alone.
    """
    wired: Wired = wired_of(request)
    authorize(caller, "components:write")
    expected = if_match(request) if request.headers.get("if-match") else None
    read = code_of(code, wired.codes, "path code")
    name = wired.pack.categories[read.kind].name.zh
    component = component_of(read, body, wired.codes, name, wired.grids.current)
    done = await put_component(wired.pool, caller, component, expected)
    response.status_code = 201 if done.new else 200
    response.headers["ETag"] = etag(done.kept.version)
    return reading.view(done.kept)


@router.get("/{code}/history", summary="What a component was, and when")
async def get_history(
    request: Request, code: Code, caller: Caller, cursor: Cursor = None, limit: PageLimit = 50
) -> Listing[ComponentVersion]:
    wired: Wired = wired_of(request)
    authorize(caller, reading.ACTION)
    number = code_of(code, wired.codes, "path code").number
    return await component_history(wired.pool, caller, number, cursor=cursor, limit=limit)


@router.get("/{code}/reports", summary="What was reported of a component, and its cases")
async def get_reports(
    request: Request, code: Code, caller: Caller, cursor: Cursor = None, limit: PageLimit = 50
) -> Listing[ComponentReport]:
    wired: Wired = wired_of(request)
    number = code_of(code, wired.codes, "path code").number
    return await reading.reports(wired.pool, caller, number, cursor=cursor, limit=limit)
