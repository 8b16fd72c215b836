"""Who still answers for what they took in."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.intake.queries.first_asked import StillAnswerable, still_answerable
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import AREA, Cursor, Listing, PageLimit, wired_of
from shared.kernel.area import AreaPath

router = APIRouter(tags=["first asked 首问责任"])


@router.get("/v1/first-asked")
async def get_first_asked(
    request: Request,
    caller: Caller,
    area: Annotated[
        str | None, Query(description="an area path; left out: all that the caller may see", json_schema_extra=AREA)
    ] = None,
    subject: Annotated[str | None, Query(max_length=200, description="of this person or app alone")] = None,
    overdue: Annotated[bool | None, Query(description="only those told of as overdue, or only the others")] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[StillAnswerable]:
    """Reports that nobody but whoever took them in has acted on 首问责任未移交, the longest waiting first."""
    wired: Wired = wired_of(request)
    within = AreaPath.root() if area is None else AreaPath.parse(area, pointer="?area")
    return await still_answerable(
        wired.pool, caller, within, subject=subject, overdue=overdue, cursor=cursor, limit=limit
    )
