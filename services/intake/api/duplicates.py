"""Duplicates 重复上报: what is known near a place, and a report that was merged and should not have been."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from services.intake.commands.unmerge_report import unmerge_report
from services.intake.queries.duplicates import DuplicatesView
from services.intake.queries.duplicates import duplicates as find_duplicates
from services.intake.queries.report import ReportView
from services.intake.queries.report import report as find_report
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import wired_of
from shared.idempotency import IdempotencyKey
from shared.kernel.place import Datum, to_wgs84

router = APIRouter(tags=["duplicates 重复上报"])


@router.get("/v1/duplicates")
async def get_duplicates(
    request: Request,
    caller: Caller,
    category: Annotated[str, Query(min_length=1, max_length=64, description="a code of the catalogue")],
    lon: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False)],
    lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False)],
    datum: Annotated[Datum, Query(description="of lon and lat")] = Datum.WGS84,
) -> DuplicatesView:
    """What was reported near this place already and is not settled: ask before posting."""
    wired: Wired = wired_of(request)
    place = to_wgs84(lon, lat, datum)
    likenesses = wired.desk.writer.likenesses
    return await find_duplicates(wired.pool, wired.pack, likenesses, caller, category, place, wired.clock())


@router.post("/v1/reports/{report_id}/unmerge")
async def post_unmerge(
    request: Request, report_id: UUID, caller: Caller, idempotency_key: IdempotencyKey = None
) -> ReportView:
    """Give a merged report a case of its own 解除合并: it tells of another matter. An act of the supervision desk;
    asked again, with a key or without, it changes nothing.
    """
    wired: Wired = wired_of(request)
    await unmerge_report(wired.pool, wired.outbox, wired.clock, caller, report_id)
    return await find_report(wired.pool, caller, report_id)
