"""Cases, as lists and one by one."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from services.dispatch.answers import case_bytes, case_shown
from services.dispatch.api.asking import JSON, Parts, actor_of, sight_of
from services.dispatch.api.filters import Filters
from services.dispatch.api.shapes import CaseShape, SuggestionShape, TimelineItem
from services.dispatch.queries import cases, routing
from services.dispatch.queries.cases import Sort
from services.dispatch.queries.history import case_history
from shared.auth import Caller, authorize
from shared.http import Cursor, Listing, PageLimit, etag

router = APIRouter(prefix="/v1/cases", tags=["cases 案卷"])


@router.get("", response_class=Response, responses={200: {"model": Listing[CaseShape]}}, summary="Cases")
async def list_cases(
    who: Caller,
    parts: Parts,
    wanted: Filters,
    sort: Annotated[
        Sort, Query(description="`newest`, `oldest`, or `due`: open cases, the most urgent first")
    ] = Sort.NEWEST,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Response:
    authorize(who, "cases:read")
    page = await cases.list_cases(parts.pool, sight_of(who), wanted, sort, cursor, limit)
    items = [case_shown(seen.case, actor_of(who), seen.now, parts.rules) for seen in page.items]
    return Response(orjson.dumps({"items": items, "next": page.next}), media_type=JSON)


@router.get("/{case_id}", response_class=Response, responses={200: {"model": CaseShape}}, summary="One case")
async def get_case(case_id: UUID, who: Caller, parts: Parts) -> Response:
    authorize(who, "cases:read")
    seen = await cases.find_case(parts.pool, case_id, sight_of(who))
    body = case_bytes(seen.case, actor_of(who), seen.now, parts.rules)
    return Response(body, headers={"ETag": etag(seen.case.revision)}, media_type=JSON)


@router.get(
    "/{case_id}/timeline",
    response_class=Response,
    responses={200: {"model": Listing[TimelineItem]}},
    summary="What happened to a case, from its first fact on",
)
async def get_timeline(
    case_id: UUID, who: Caller, parts: Parts, cursor: Cursor = None, limit: PageLimit = 50
) -> Response:
    authorize(who, "cases:read")
    page = await case_history(parts.pool, case_id, sight_of(who), actor_of(who), parts.unit_names, cursor, limit)
    return Response(orjson.dumps({"items": page.items, "next": page.next}), media_type=JSON)


@router.get(
    "/{case_id}/suggestion",
    response_class=Response,
    responses={200: {"model": SuggestionShape}},
    summary="Who should handle a case, by the routing rules 派遣建议",
)
async def get_suggestion(case_id: UUID, who: Caller, parts: Parts) -> Response:
    authorize(who, "cases:read")
    seen = await cases.find_case(parts.pool, case_id, sight_of(who))
    return Response(orjson.dumps(await routing.suggestion(parts, seen)), media_type=JSON)
