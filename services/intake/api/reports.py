"""Reports: post one, read one."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.intake.api.anonymous import admit_spot, poster
from services.intake.api.report_body import ReportBody, read_report
from services.intake.commands.receive_report import receive_report
from services.intake.queries.report import ReportView
from services.intake.queries.report import report as find_report
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import OPEN, StraightRoute, runs, wired_of
from shared.idempotency import IdempotencyKey, key_of, keyed_hash

router = APIRouter(tags=["reports 上报"])
straight_router = APIRouter(tags=["reports 上报"], route_class=StraightRoute)


class ReportTaken(BaseModel):
    """The answer to a posted report; it is stored when this is sent."""

    id: UUID
    tracking_code: str = Field(description="lets the reporter follow it without an account: keep it secret")
    routing_key: str = Field(description="the path of its grid")
    status: str
    merged_into: UUID | None = None


async def _post_report(request: Request) -> Response:
    wired: Wired = request.app.state.wired
    who = await poster(wired, request)
    key = key_of(request)
    raw = await request.body()
    asked = read_report(raw)
    admit_spot(wired, who, asked)
    digest = None if key is None else keyed_hash(await wired.desk.vault.secret(), "POST", "/v1/reports", raw)
    answer = await receive_report(wired.desk, who, asked, key, digest)
    return Response(answer, 201, media_type="application/json")


@straight_router.post("/v1/reports", status_code=201, response_model=ReportTaken, openapi_extra=OPEN)
@runs(_post_report)
async def post_report(body: ReportBody, caller: Caller, idempotency_key: IdempotencyKey = None) -> Any:
    """Take in one report 上报. It is durable when the answer comes; sent again with the same Idempotency-Key and body
    it gets the same answer.
    """


@router.get("/v1/reports/{report_id}")
async def get_report(
    request: Request, report_id: Annotated[UUID, Field(description="its id")], caller: Caller
) -> ReportView:
    """One report. Its status is `received` until it has a case, and the case's from then on."""
    wired: Wired = wired_of(request)
    return await find_report(wired.pool, caller, report_id)
