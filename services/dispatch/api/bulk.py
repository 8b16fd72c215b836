"""One act on up to 200 cases: `POST /v1/cases/bulk`."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.dispatch.api.acts import UnknownAct
from services.dispatch.api.asking import JSON, actor_of, wired
from services.dispatch.api.bodies import BODIES, ActBody
from services.dispatch.api.desk_shapes import BulkShape
from services.dispatch.commands.act_on_case import Asked
from services.dispatch.commands.act_on_cases import BulkAsked, Item, act_on_cases
from services.dispatch.domain.case import Act
from services.dispatch.domain.lifecycle import PERSONAL, authorised
from shared.auth import Caller, Principal, authorize
from shared.http import Body, StraightRoute, body_of, refusals, runs
from shared.http.problems import invalid_body
from shared.idempotency import IdempotencyKey, key_of, request_hash
from shared.kernel.errors import FieldError, Invalid, Refusal

router = APIRouter(prefix="/v1/cases", tags=["acts 操作"], route_class=StraightRoute)

PATH = "/v1/cases/bulk"
MOST = 200
# 200 acts with the longest opinion and result in Chinese.
MOST_BYTES = 4 << 20


class CaseNamedTwice(Invalid):
    slug, title, title_zh = "case-named-twice", "The same case twice in one request", "同一案卷重复提交"


class OneByOne(Invalid):
    slug, title, title_zh = "one-by-one", "This act is done on one case at a time", "该操作不支持批量"


class _Named(BaseModel):
    """Which case, and the revision that was decided on; what else there is belongs to the act."""

    model_config = ConfigDict(extra="allow", frozen=True)

    case: UUID
    revision: Annotated[int, Field(strict=True, ge=0)]


class BulkBody(Body):
    """`items`: each `{"case": id, "revision": the one you saw, …}` with the fields that the single act takes."""

    act: str
    items: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST)]


async def _bulk(request: Request) -> Response:
    parts = wired(request)
    who = await parts.auth.principal(request.headers.get("authorization"))
    authorize(who, "cases:act")
    raw = await request.body()
    body = body_of(BulkBody, raw)
    act = _act(body.act)
    authorised(act, actor_of(who), parts.rules)
    hashed = request_hash("POST", request.url.path, raw)
    asked = BulkAsked(act, _items(act, body.items, who), actor_of(who), key_of(request), hashed, request.url.path)
    answer = await act_on_cases(parts, asked)
    return Response(answer.body, answer.status, media_type=JSON)


def _act(name: str) -> Act:
    if name in (Act.MERGE, Act.REOPEN, Act.CORRECT):
        raise OneByOne(
            f"{name} concerns another case or another area, too: send it for each case by itself",
            errors=[FieldError("/act", "an act that concerns its own case alone")],
        )
    if name in PERSONAL:
        return Act(name)
    known = ", ".join(each.value for each in PERSONAL)
    raise UnknownAct(f"{name[:40]!r} is not an act on a case; the acts are: {known}", facts={"acts": list(PERSONAL)})


def _items(act: Act, given: list[dict[str, Any]], who: Principal) -> list[Item]:
    seen: set[UUID] = set()
    return [_item(act, each, f"/items/{number}", who, seen) for number, each in enumerate(given)]


def _item(act: Act, given: dict[str, Any], pointer: str, who: Principal, seen: set[UUID]) -> Item:
    """What the item asks for; one that cannot be read is refused by itself."""
    case_id: UUID | None = None
    try:
        named = _Named.model_validate(given)
        case_id = named.case
        if case_id in seen:
            raise CaseNamedTwice(f"case {case_id} stands in an item above", errors=[FieldError("/case", "once")])
        seen.add(case_id)
        order = BODIES.get(act, ActBody).model_validate(named.model_extra).order(act)
    except ValidationError as error:
        return Item(case_id, _within(invalid_body(error), pointer))
    except Refusal as refusal:
        return Item(case_id, _within(refusal, pointer))
    revision = named.revision
    return Item(case_id, Asked(case_id, order, actor_of(who), who.area, lambda: revision, None, b""))


def _within(refusal: Refusal, pointer: str) -> Refusal:
    """The same refusal, its fields named from the whole body."""
    errors = [FieldError(pointer + each.pointer, each.message) for each in refusal.errors]
    return type(refusal)(refusal.detail, errors=errors, facts=refusal.facts)


@router.post(
    "/bulk",
    name="bulk",
    response_class=Response,
    responses={
        200: {"model": BulkShape, "description": "An outcome for each item: some may be refused"},
        **refusals(404),
    },
    summary="One act on up to 200 cases 批量操作",
)
@runs(_bulk)
async def act_on_many(caller: Caller, body: BulkBody, key: IdempotencyKey = None) -> Any:
    """Each case is decided for itself, with the rules and refusals of the single act; one that is refused keeps no
    other from being done. All that were done are saved together before the answer is sent. Give an `Idempotency-Key`:
    a lost answer is fetched by sending the same again.
    """
