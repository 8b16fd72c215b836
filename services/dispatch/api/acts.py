"""The acts: one route each, all alike. `POST /v1/cases/{id}/{act}` with If-Match."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dispatch.api.asking import JSON, actor_of, wired
from services.dispatch.api.bodies import BODIES, ActBody
from services.dispatch.api.shapes import CaseShape
from services.dispatch.commands.act_on_case import Asked, act_on_case
from services.dispatch.domain import words
from services.dispatch.domain.case import Act
from services.dispatch.domain.lifecycle import PERSONAL, TABLE, authorised
from services.dispatch.domain.order import Order
from shared.auth import Caller, authorize
from shared.http import Revision, StraightRoute, body_of, if_match, runs
from shared.idempotency import IdempotencyKey, key_of, request_hash
from shared.kernel.errors import FieldError, Invalid, NotFound

router = APIRouter(prefix="/v1/cases/{case_id}", tags=["acts 操作"], route_class=StraightRoute)

# An act that needs nothing said may come without a body.
NOTHING_SAID: Mapping[Act, ActBody] = {
    act: body()
    for act, body in ((act, BODIES.get(act, ActBody)) for act in PERSONAL)
    if not any(field.is_required() for field in body.model_fields.values())
}


class UnknownAct(NotFound):
    slug, title, title_zh = "unknown-act", "No such act", "没有此操作"


async def _act(request: Request) -> Response:
    parts = wired(request)
    who = await parts.auth.principal(request.headers.get("authorization"))
    actor = actor_of(who)
    act = _named(request.path_params["act"])
    # Those who never do this act are refused before anything else is looked at.
    authorize(who, "cases:act")
    authorised(act, actor, parts.rules)
    case_id, key, raw = _case_id(request), key_of(request), await request.body()
    order = body_of(BODIES.get(act, ActBody), raw, NOTHING_SAID.get(act)).order(act)
    asked = Asked(
        case_id=case_id,
        order=order,
        actor=actor,
        area=who.area,
        expected=partial(_expected, request, order),
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


def _expected(request: Request, order: Order) -> int | None:
    """The revision decided on. An answer that names its task needs none: a telephone that was off the network knows its
    task, and not what else became of the case since.
    """
    if order.task is not None and not request.headers.get("if-match"):
        return None
    return if_match(request)


def _case_id(request: Request) -> UUID:
    given = request.path_params["case_id"]
    try:
        return UUID(given)
    except ValueError:
        raise Invalid(f"{given[:40]!r} is no id of a case", errors=[FieldError("path case_id", "no UUID")]) from None


@router.post("/{act}", include_in_schema=False)
@runs(_act)
async def act_on() -> Any:
    """Every act comes here: one path to match, not fifty."""


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

    documented.__annotations__["body"] = BODIES.get(act, ActBody)
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
