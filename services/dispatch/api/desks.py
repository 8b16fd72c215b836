"""What desks look at all day: their queue, the situation, counts, the map."""

import math
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.dispatch.answers import case_shown
from services.dispatch.api.asking import JSON, Area, Parts, actor_of, sight_of
from services.dispatch.api.desk_shapes import CountsShape, FeaturesShape, QueueShape, Situation
from services.dispatch.api.filters import Filters
from services.dispatch.queries import situation as numbers
from services.dispatch.queries.map import Box, points_within
from services.dispatch.queries.queue import my_queue
from services.dispatch.queries.situation import By
from shared.auth import Caller, authorize
from shared.http import Cursor, PageLimit
from shared.kernel.errors import FieldError, Invalid

router = APIRouter(prefix="/v1", tags=["desks 工作台"])

GEOJSON = "application/geo+json"
MOST_POINTS = 10_000


class BadBox(Invalid):
    slug, title, title_zh = "bad-bbox", "Not a bounding box", "地图范围无效"


@router.get("/queue", response_class=Response, responses={200: {"model": QueueShape}}, summary="What waits for me 待办")
async def get_queue(
    who: Caller,
    parts: Parts,
    area: Area,
    reason: Annotated[
        list[str] | None, Query(description="one of the answer's `reasons`; several may be given")
    ] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Response:
    authorize(who, "cases:read")
    actor = actor_of(who)
    page = await my_queue(parts.pool, sight_of(who), actor, area, reason, cursor, limit)
    items = [
        case_shown(each.seen.case, actor, each.seen.now, parts.rules) | {"reasons": each.reasons} for each in page.items
    ]
    reasons = [{"name": each.name, "name_zh": each.zh} for each in page.reasons]
    body = {"items": items, "next": page.next, "reasons": reasons, "counts": page.counts}
    return Response(orjson.dumps(body), media_type=JSON)


@router.get(
    "/situation",
    response_class=Response,
    responses={200: {"model": Situation}},
    summary="Open cases by status and today's, for each area one level down",
)
async def get_situation(who: Caller, parts: Parts, area: Area) -> Response:
    authorize(who, "cases:read")
    items = await numbers.situation(parts.pool, sight_of(who), area, parts.rules.calendar.time_zone)
    return Response(orjson.dumps({"area": area, "items": items, "next": None}), media_type=JSON)


@router.get("/counts", response_class=Response, responses={200: {"model": CountsShape}}, summary="Cases counted")
async def get_counts(who: Caller, parts: Parts, wanted: Filters, by: Annotated[By, Query()] = "status") -> Response:
    authorize(who, "cases:read")
    counts = await numbers.count_cases(parts.pool, sight_of(who), wanted, by)
    items = [group._asdict() for group in counts.groups]
    return Response(
        orjson.dumps({"by": by, "items": items, "truncated": counts.truncated, "next": None}), media_type=JSON
    )


@router.get(
    "/cases.geojson",
    response_class=Response,
    responses={200: {"model": FeaturesShape, "content": {GEOJSON: {}}}},
    summary="Open cases in a box, as GeoJSON",
)
async def get_map(
    who: Caller,
    parts: Parts,
    wanted: Filters,
    bbox: Annotated[str, Query(max_length=200, description="west,south,east,north in WGS 84: 116.2,39.9,116.4,40.1")],
    limit: Annotated[int, Query(ge=1, le=MOST_POINTS)] = 2000,
) -> Response:
    authorize(who, "cases:read")
    found = await points_within(parts.pool, sight_of(who), wanted, _box(bbox), limit)
    body = {
        "type": "FeatureCollection",
        "features": [_feature(row) for row in found.rows],
        "limit": limit,
        "truncated": found.truncated,
    }
    return Response(orjson.dumps(body, default=str), media_type=GEOJSON)


def _box(text: str) -> Box:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise _bad_box("four numbers: west,south,east,north") from None
    if not all(math.isfinite(degrees) for degrees in (west, south, east, north)):
        raise _bad_box("four finite numbers")
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise _bad_box("degrees, west not above east and south not above north; across 180° ask twice")
    return Box(west, south, east, north)


def _bad_box(right: str) -> BadBox:
    return BadBox(f"bbox must be {right}", errors=[FieldError("?bbox", right)])


def _feature(row: dict[str, Any]) -> dict[str, Any]:
    properties = {
        "number": row["number"],
        "status": row["status"],
        "revision": row["revision"],
        "category": row["category"],
        "unit": row["unit"],
        "routing_key": row["area"],
        "opened_at": row["opened_at"],
        "due_at": row["due_at"],
        "overdue": row["overdue"],
        "warned": row["warned"],
    }
    return {
        "type": "Feature",
        "id": str(row["id"]),
        "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
        "properties": properties,
    }
