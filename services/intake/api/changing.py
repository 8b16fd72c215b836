"""A change of the areas as a request asks for it: now, on a day to come, or only looked at."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from services.intake.api.area_shapes import taken
from services.intake.commands.import_areas import Checked, Once, Told, change_areas, check_areas
from services.intake.commands.plan_areas import plan_areas
from services.intake.domain.area import Finding, refuse
from services.intake.domain.effective import time_of
from services.intake.grids.change import Change
from services.intake.grids.picture import picture
from services.intake.wiring import Wired
from shared.auth import Principal, authorize
from shared.idempotency import request_hash

# A day, or a time; `domain.effective` reads it.
DAY: Final = {"pattern": r"^(\d{4}-\d\d-\d\d([Tt]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d))?)?$"}
DRY_RUN = Annotated[bool, Query(description="change nothing: list what is wrong")]
EFFECTIVE = Annotated[
    str | None,
    Query(
        description="not now: a day (2027-01-01, its first moment in the city's time) or a time (RFC 3339)",
        max_length=40,
        json_schema_extra=DAY,
    ),
]
NOTE = Annotated[str | None, Query(description="why, for the list of versions", max_length=500, pattern=r"^[^\x00]*$")]
JSON = "application/json"


class Asked(NamedTuple):
    """How a change is asked for: see the parameters of the routes."""

    dry_run: bool
    effective: str | None
    note: str | None
    key: str | None = None


async def once_of(request: Request, caller: Principal, key: str | None) -> Once | None:
    """What makes the request one that is carried out once, if it has an Idempotency-Key."""
    if key is None:
        return None
    address = f"{request.url.path}?{request.url.query}"
    asked = request_hash(request.method, address, await request.body())
    return Once(caller.subject, key, asked, lambda done: taken(done).model_dump_json().encode())


async def change_as_asked(
    wired: Wired, caller: Principal, request: Request, change: Change, asked: Asked, found: Sequence[Finding] = ()
) -> Response:
    """Carry it out, plan it or look at it; `found` is what was wrong with the reading already. Raises OutsideScope for
    areas outside the caller's own, AreasRefused, BadEffective.
    """
    for path in (*(area.path for area in change.given), *change.retire):
        if not caller.area.covers(path):
            authorize(caller, "areas:write", path)  # type: ignore[arg-type]
    if asked.dry_run:
        checked = await check_areas(wired.pool, change, wired.area_rules, found)
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(await asyncio.to_thread(_drawn, checked))
        return Response(taken(checked).model_dump_json(), media_type=JSON)
    refuse(found)
    once = await once_of(request, caller, asked.key)
    told = Told(caller.subject, asked.note)
    if asked.effective is not None:
        at = time_of(asked.effective, wired.pack.zone, "?effective")
        planned = await plan_areas(wired.pool, wired.clock, change, wired.area_rules, at, told, once)
        return Response(taken(planned).model_dump_json(), 202, media_type=JSON)
    done = await change_areas(wired.pool, wired.outbox, wired.clock, change, wired.area_rules, told, once=once)
    return Response(taken(done).model_dump_json(), media_type=JSON)


def _drawn(checked: Checked) -> str:
    return picture("Areas: what is wrong 区域检查", checked.weighed.drawn, checked.found)
