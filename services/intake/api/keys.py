"""API keys: issue, list, revoke."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, Field

from services.intake.commands.issue_key import Once, issue_key
from services.intake.commands.revoke_key import revoke_key
from services.intake.domain.key import Ending, Scope, check_scope
from services.intake.queries.keys import KeyView, key_view
from services.intake.queries.keys import keys as list_keys
from services.intake.wiring import Wired
from shared.auth import KEY_ACTIONS, Caller, authorize
from shared.http import Body, Cursor, Listing, PageLimit, wired_of
from shared.idempotency import IdempotencyKey, request_hash
from shared.kernel.area import AreaPath

router = APIRouter(tags=["keys 密钥"])


class KeyBody(Body):
    """A key to be issued: for whom, and what it may do. No area: the whole city. No categories: every one."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    actions: Annotated[list[str], Field(min_length=1, max_length=len(KEY_ACTIONS))]
    area: Annotated[str, Field(max_length=280)] = ""
    categories: Annotated[list[str], Field(min_length=1, max_length=500)] | None = None
    rate: Annotated[int, Field(ge=1, le=100_000, description="requests a second")] | None = None
    expires_at: AwareDatetime | None = None


class KeyIssuedView(KeyView):
    """`key` is shown this once, and when the same request is sent again with its Idempotency-Key."""

    key: str


@router.post("/v1/keys", status_code=201)
async def post_key(
    request: Request, caller: Caller, body: KeyBody, idempotency_key: IdempotencyKey = None
) -> KeyIssuedView:
    """Issue an API key. To rotate one, issue a second, move over, revoke the first."""
    wired: Wired = wired_of(request)
    area = AreaPath.parse(body.area) if body.area else AreaPath.root()
    authorize(caller, "keys:write", area)
    categories = None if body.categories is None else tuple(body.categories)
    scope = Scope(tuple(sorted(set(body.actions))), area, categories, body.rate)
    check_scope(scope, actions=KEY_ACTIONS, categories=wired.desk.categories)
    once = None
    if idempotency_key is not None:
        asked = request_hash("POST", request.url.path, await request.body())
        once = Once(wired.desk.sealer, caller.subject, idempotency_key, asked)
    key, secret = await issue_key(
        wired.pool, wired.outbox, wired.clock, name=body.name, scope=scope, expires_at=body.expires_at, once=once
    )
    return KeyIssuedView(**key_view(key).model_dump(), key=secret)


@router.get("/v1/keys")
async def get_keys(request: Request, caller: Caller, cursor: Cursor = None, limit: PageLimit = 50) -> Listing[KeyView]:
    """Every key that was issued, revoked ones too, without the keys themselves."""
    wired: Wired = wired_of(request)
    return await list_keys(wired.pool, caller, cursor=cursor, limit=limit)


@router.delete("/v1/keys/{key_id}")
async def delete_key(request: Request, key_id: str, caller: Caller, reason: Ending = "revoked") -> KeyView:
    """Revoke a key: refused by every service within two seconds."""
    wired: Wired = wired_of(request)
    authorize(caller, "keys:write")
    return key_view(await revoke_key(wired.pool, wired.outbox, wired.clock, key_id, reason))
