"""The catalogue 目录."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.intake.queries.catalogue import CategoryView, allowed
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import Cursor, Listing, PageLimit, wired_of

router = APIRouter(tags=["catalogue 目录"])


@router.get("/v1/catalogue")
async def get_catalogue(
    request: Request,
    caller: Caller,
    standard: Annotated[str | None, Query(description="only what this standard has a code for, such as gb2013")] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[CategoryView]:
    """All that the caller may report: conditions 立案条件 and limits 时限, attributes 属性, codes of other standards,
    where each comes from, when it is in effect, and where to turn with what is not on the admission list 准入清单.
    """
    wired: Wired = wired_of(request)
    return allowed(wired.catalogue, caller, standard=standard, cursor=cursor, limit=limit)
