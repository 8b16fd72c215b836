"""Reports: post one, read one."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.intake.api.report_body import ReportBody, read_report
from services.intake.api.straight import StraightRoute, runs
from services.intake.commands.receive_report import receive_report
from services.intake.queries.report import ReportView
from services.intake.queries.report import report as find_report
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import wired_of
from shared.idempotency import MAX_LENGTH, IdempotencyKey, request_hash
from shared.kernel.errors import FieldError, Invalid

router = APIRouter(tags=["reports 上报"])
straight_router = APIRouter(tags=["reports 上报"], route_class=StraightRoute)

_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_LENGTH}}}")


class BadIdempotencyKey(Invalid):
    slug, title, title_zh = "bad-idempotency-key", "Not an Idempotency-Key", "幂等键无效"


class ReportTaken(BaseModel):
    """The answer to a posted report; it is stored when this is sent."""

    id: UUID
    tracking_code: str = Field(description="lets the reporter follow it without an account: keep it secret")
    routing_key: str = Field(description="the path of its grid")
    status: str
    merged_into: UUID | None = None


def idempotency_key(request: Request) -> str | None:
    """The request's Idempotency-Key. Raises BadIdempotencyKey."""
    key = request.headers.get("idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        words = f"1 to {MAX_LENGTH} printable ASCII characters without spaces"
        raise BadIdempotencyKey(words, errors=[FieldError("header Idempotency-Key", words)])
    return key


async def _post_report(request: Request) -> Response:
    wired: Wired = request.app.state.wired
    who = await wired.auth.principal(request.headers.get("authorization"))
    key = idempotency_key(request)
    raw = await request.body()
    asked = read_report(raw)
    digest = None if key is None else request_hash("POST", "/v1/reports", raw)
    answer = await receive_report(wired.desk, who, asked, key, digest)
    return Response(answer, 201, media_type="application/json")


@straight_router.post("/v1/reports", status_code=201, response_model=ReportTaken)
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
