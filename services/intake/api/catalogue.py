"""The catalogue 目录."""

from fastapi import APIRouter, Request

from services.intake.queries.catalogue import CategoryView, allowed
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import Cursor, Listing, PageLimit, wired_of

router = APIRouter(tags=["catalogue 目录"])


@router.get("/v1/catalogue")
async def get_catalogue(
    request: Request, caller: Caller, cursor: Cursor = None, limit: PageLimit = 50
) -> Listing[CategoryView]:
    """All that the caller may report, with the conditions 立案条件 and limits 时限 of each category."""
    wired: Wired = wired_of(request)
    return allowed(wired.catalogue, caller, cursor=cursor, limit=limit)
