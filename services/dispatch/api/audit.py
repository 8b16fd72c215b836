"""Checkpoints of the audit trail, for those who keep a copy elsewhere."""

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from services.dispatch.api.asking import JSON, Parts
from services.dispatch.api.shapes import CheckpointShape
from services.dispatch.queries.checkpoints import list_checkpoints
from shared.auth import Caller, authorize
from shared.http import Cursor, Listing, PageLimit

router = APIRouter(prefix="/v1/audit", tags=["audit 审计"])


@router.get(
    "/checkpoints",
    response_class=Response,
    responses={200: {"model": Listing[CheckpointShape]}},
    summary="Signed checkpoints, from the first on",
)
async def get_checkpoints(who: Caller, parts: Parts, cursor: Cursor = None, limit: PageLimit = 50) -> Response:
    """Keep the items, one a line, where nobody of this installation can write: `wangge audit verify --anchor FILE`
    then finds also what was cut off at the end of everything.
    """
    authorize(who, "audit:read")
    page = await list_checkpoints(parts.pool, cursor, limit)
    return Response(orjson.dumps({"items": page.items, "next": page.next}), media_type=JSON)
