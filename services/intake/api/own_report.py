"""A report, for whoever sent it: take it back, add to it. By the app's key, or by the tracking code without any."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.intake.commands.add_to_report import add_to_report
from services.intake.commands.speak_again import Speaker
from services.intake.commands.withdraw_report import withdraw_report
from services.intake.wiring import Wired
from shared.http import OPEN, Body, wired_of
from shared.idempotency import IdempotencyKey, keyed_hash

router = APIRouter(tags=["reports 上报"])

ReportId = Annotated[UUID, Field(description="the report's id")]
Code = Annotated[
    str | None, Field(min_length=1, max_length=64, description="its tracking code, where no key or token is sent")
]


class WithdrawalBody(Body):
    """Why it is taken back. Telephone and identity-card numbers are masked and kept nowhere."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    tracking_code: Code = None


class Withdrawn(BaseModel):
    """The report is taken back."""

    report_id: UUID
    status: str
    withdrawn_at: datetime


class AdditionBody(Body):
    """A text, media, or both. Telephone and identity-card numbers are masked and kept nowhere."""

    text: Annotated[str, Field(max_length=2000)] | None = None
    media: Annotated[list[UUID], Field(max_length=20, default_factory=list)]
    tracking_code: Code = None


class Addition(BaseModel):
    """What was added."""

    id: UUID
    report_id: UUID
    added_at: datetime
    media: list[UUID]


@router.post("/v1/reports/{report_id}/withdrawal", status_code=201, response_model=Withdrawn, openapi_extra=OPEN)
async def post_withdrawal(
    request: Request, report_id: ReportId, body: WithdrawalBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Take a report back 撤回, until somebody has acted on it. For the caller who sent it, and without any credentials
    for whoever has its tracking code.
    """
    wired: Wired = wired_of(request)
    speaker = await _speaker(request, body.tracking_code, idempotency_key)
    answer = await withdraw_report(wired.pool, wired.outbox, wired.clock, speaker, report_id, body.reason)
    return Response(answer, 201, media_type="application/json")


@router.post("/v1/reports/{report_id}/additions", status_code=201, response_model=Addition, openapi_extra=OPEN)
async def post_addition(
    request: Request, report_id: ReportId, body: AdditionBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Add to a report 补充, until its case has ended; the desk sees it in the case's timeline. For the caller who sent
    it, and without any credentials for whoever has its tracking code.
    """
    wired: Wired = wired_of(request)
    speaker = await _speaker(request, body.tracking_code, idempotency_key)
    answer = await add_to_report(wired.desk, wired.outbox, speaker, report_id, body.text, body.media)
    return Response(answer, 201, media_type="application/json")


async def _speaker(request: Request, code: str | None, key: str | None) -> Speaker:
    """Who speaks. Raises NotSignedIn when neither credentials nor a tracking code are given."""
    wired: Wired = wired_of(request)
    header = request.headers.get("authorization")
    who = await wired.auth.principal(header) if header is not None or code is None else None
    asked = keyed_hash(await wired.desk.vault.secret(), "POST", request.url.path, await request.body())
    return Speaker(who, code, key, asked)
