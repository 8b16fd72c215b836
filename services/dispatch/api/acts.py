"""The acts: one route each, all alike. `POST /v1/cases/{id}/{act}` with If-Match."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from services.dispatch.api.asking import JSON, actor_of, wired
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
from services.dispatch.commands.act_on_case import Asked, act_on_case
from services.dispatch.domain import words
from services.dispatch.domain.case import Act
from services.dispatch.domain.lifecycle import PERSONAL, TABLE, authorised
from shared.auth import Caller, authorize
from shared.http import StraightRoute, body_of, if_match, runs
from shared.idempotency import IdempotencyKey, key_of, request_hash
from shared.kernel.errors import FieldError, Invalid, NotFound

router = APIRouter(prefix="/v1/cases/{case_id}", tags=["acts 操作"], route_class=StraightRoute)

# What an act carries: most no more than every act may.
BODIES: Mapping[Act, type[ActBody]] = dict.fromkeys(PERSONAL, ActBody) | {
    Act.REQUEST_VERIFICATION: RequestBody,
    Act.ANSWER_VERIFICATION: VerificationBody,
    Act.FILE: FileBody,
    Act.DISPATCH: DispatchBody,
    Act.REPORT_HANDLED: HandledBody,
    Act.REQUEST_CHECK: RequestBody,
    Act.ANSWER_CHECK: CheckBody,
}
# An act that needs nothing said may come without a body.
NOTHING_SAID: Mapping[Act, ActBody] = {
    act: body() for act, body in BODIES.items() if not any(field.is_required() for field in body.model_fields.values())
}

Revision = Annotated[str | None, Header(alias="If-Match", description='the ETag of the state decided on: "7"')]


class UnknownAct(NotFound):
    slug, title, title_zh = "unknown-act", "No such act", "没有此操作"


async def _act(request: Request) -> Response:
    parts = wired(request)
    who = await parts.auth.principal(request.headers.get("authorization"))
    actor = actor_of(who)
    act = _named(request.path_params["act"])
    # Those who never do this act are refused before anything else is looked at.
    authorize(who, "cases:act")
    authorised(act, actor)
    case_id, key, raw = _case_id(request), key_of(request), await request.body()
    asked = Asked(
        case_id=case_id,
        order=body_of(BODIES[act], raw, NOTHING_SAID.get(act)).order(act),
        actor=actor,
        area=who.area,
        expected=partial(if_match, request),
        key=key,
        request_hash=request_hash("POST", request.url.path, raw),
    )
    answer = await act_on_case(parts, asked)
    return Response(answer.body, answer.status, {"ETag": answer.etag or ""}, media_type=JSON)


def _named(act: str) -> Act:
    if act in PERSONAL:
        return Act(act)
    known = ", ".join(each.value for each in PERSONAL)
    raise UnknownAct(f"{act[:40]!r} is not an act on a case; the acts are: {known}", facts={"acts": list(PERSONAL)})


def _case_id(request: Request) -> UUID:
    given = request.path_params["case_id"]
    try:
        return UUID(given)
    except ValueError:
        raise Invalid(f"{given[:40]!r} is no id of a case", errors=[FieldError("path case_id", "no UUID")]) from None


@router.post("/{act}", include_in_schema=False)
@runs(_act)
async def act_on() -> Any:
    """Every act comes here: one path to match, not thirteen."""


def _document(act: Act) -> None:
    """The act's own entry in the OpenAPI document, described from the act table."""
    nothing_said = NOTHING_SAID.get(act, ...)

    async def documented(
        case_id: UUID,
        caller: Caller,
        body: Any = nothing_said,
        key: IdempotencyKey = None,
        revision: Revision = None,
    ) -> Any: ...

    documented.__annotations__["body"] = BODIES[act]
    router.add_api_route(f"/{act}", runs(_act)(documented), methods=["POST"], **_described(act))


def _described(act: Act) -> dict[str, Any]:
    rows = [(status, step) for (status, other), step in TABLE.items() if other is act]
    lines = [
        f"From **{words.status(status)}** to **{words.status(step.to)}**, by {words.centre(step.centre)}: "
        f"{', '.join(words.post(post) for post in step.posts)}."
        for status, step in rows
    ]
    return {
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


for _each in PERSONAL:
    _document(_each)
