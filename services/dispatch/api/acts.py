"""The acts: one route each, all alike. `POST /v1/cases/{id}/{act}` with If-Match."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from services.dispatch.api.asking import Asking, asking
from services.dispatch.api.bodies import (
    ActBody,
    CheckBody,
    DispatchBody,
    FileBody,
    HandledBody,
    RequestBody,
    VerificationBody,
)
from services.dispatch.api.shapes import CaseShape
from services.dispatch.domain import words
from services.dispatch.domain.case import Act
from services.dispatch.domain.lifecycle import PERSONAL, TABLE
from shared.auth import Caller
from shared.kernel.errors import NotFound
from shared.kernel.ids import uuid7

router = APIRouter(prefix="/v1/cases/{case_id}", tags=["acts 操作"])

NOTHING = ActBody()
NO_ASSIGNEE = RequestBody()


class UnknownAct(NotFound):
    slug, title, title_zh = "unknown-act", "No such act", "没有此操作"


def route(act: Act) -> dict[str, Any]:
    """Path and description of an act's route, from the act table."""
    rows = [(status, step) for (status, other), step in TABLE.items() if other is act]
    lines = [
        f"From **{words.status(status)}** to **{words.status(step.to)}**, by {words.centre(step.centre)}: "
        f"{', '.join(words.post(post) for post in step.posts)}."
        for status, step in rows
    ]
    return {
        "path": f"/{act}",
        "name": act.value,
        "summary": words.act(act),
        "description": "\n\n".join(lines),
        "response_class": Response,
        "responses": {
            200: {
                "model": CaseShape,
                "description": "The case after the act",
                "headers": {"ETag": {"description": "the new revision", "schema": {"type": "string"}}},
            }
        },
    }


@router.post(**route(Act.ACCEPT))
async def accept(asked: Annotated[Asking, Depends(asking(Act.ACCEPT))], body: ActBody = NOTHING) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.DECLINE))
async def decline(asked: Annotated[Asking, Depends(asking(Act.DECLINE))], body: ActBody = NOTHING) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.REQUEST_VERIFICATION))
async def request_verification(
    asked: Annotated[Asking, Depends(asking(Act.REQUEST_VERIFICATION))], body: RequestBody = NO_ASSIGNEE
) -> Response:
    return await asked.carry_out(body.order(asked.act, task_id=uuid7()))


@router.post(**route(Act.ANSWER_VERIFICATION))
async def answer_verification(
    asked: Annotated[Asking, Depends(asking(Act.ANSWER_VERIFICATION))], body: VerificationBody
) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.FILE))
async def file(asked: Annotated[Asking, Depends(asking(Act.FILE))], body: FileBody) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.REFUSE_FILING))
async def refuse_filing(
    asked: Annotated[Asking, Depends(asking(Act.REFUSE_FILING))], body: ActBody = NOTHING
) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.DISPATCH))
async def dispatch(asked: Annotated[Asking, Depends(asking(Act.DISPATCH))], body: DispatchBody) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.TAKE))
async def take(asked: Annotated[Asking, Depends(asking(Act.TAKE))], body: ActBody = NOTHING) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.REPORT_HANDLED))
async def report_handled(asked: Annotated[Asking, Depends(asking(Act.REPORT_HANDLED))], body: HandledBody) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.REQUEST_CHECK))
async def request_check(
    asked: Annotated[Asking, Depends(asking(Act.REQUEST_CHECK))], body: RequestBody = NO_ASSIGNEE
) -> Response:
    return await asked.carry_out(body.order(asked.act, task_id=uuid7()))


@router.post(**route(Act.ANSWER_CHECK))
async def answer_check(asked: Annotated[Asking, Depends(asking(Act.ANSWER_CHECK))], body: CheckBody) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.ORDER_REWORK))
async def order_rework(
    asked: Annotated[Asking, Depends(asking(Act.ORDER_REWORK))], body: ActBody = NOTHING
) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post(**route(Act.CLOSE))
async def close(asked: Annotated[Asking, Depends(asking(Act.CLOSE))], body: ActBody = NOTHING) -> Response:
    return await asked.carry_out(body.order(asked.act))


@router.post("/{act}", include_in_schema=False)
async def unknown(case_id: UUID, act: str, who: Caller) -> Response:
    known = ", ".join(act.value for act in PERSONAL)
    raise UnknownAct(f"{act[:40]!r} is not an act on a case; the acts are: {known}", facts={"acts": list(PERSONAL)})
