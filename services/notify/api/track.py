"""`GET /v1/track/{code}`: for whoever holds a tracking code; no account, no personal data."""

import time
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.notify.domain.track import TooManyLookups
from services.notify.queries.tracking import Track, track
from services.notify.wiring import Wired
from shared.http import refusals, wired_of
from shared.http.address import client_address

router = APIRouter(tags=["tracking 进度查询"])


@router.get("/v1/track/{code}", summary="Where a report stands 查询进度", responses=refusals(429))
async def get_track(
    request: Request, response: Response, code: Annotated[str, Path(min_length=1, max_length=64)]
) -> Track:
    """Case, dashes and blanks in the code do not matter."""
    wired: Wired = wired_of(request)
    address = client_address(request, wired.settings.trusted_proxies)
    if not wired.lookups.take(address, time.monotonic()):
        raise TooManyLookups(
            f"one address may ask {wired.settings.track_per_second:g} times a second", facts={"retry_after": 1}
        )
    response.headers["Cache-Control"] = "no-store"
    return await track(wired.pool, code)
