"""API keys: issue, list, rotate, revoke."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, Field

from services.intake.commands.issue_key import Once, issue_key
from services.intake.commands.revoke_key import revoke_key
from services.intake.commands.rotate_key import rotate_key
from services.intake.domain.key import LONGEST_OVERLAP, BadScope, Ending, Scope, check_scope
from services.intake.queries.keys import KeyView, key_view
from services.intake.queries.keys import keys as list_keys
from services.intake.wiring import Wired
from shared.auth import KEY_ACTIONS, Caller, authorize
from shared.http import AREA, AREA_PATH, Body, Cursor, Instant, Listing, PageLimit, refusals, wired_of
from shared.idempotency import IdempotencyKey, request_hash
from shared.kernel.area import AreaPath, AreaPaths
from shared.kernel.errors import FieldError

router = APIRouter(tags=["keys 密钥"])


Action = Annotated[str, Field(json_schema_extra={"enum": sorted(KEY_ACTIONS)})]


class KeyBody(Body):
    """A key to be issued: for whom, and what it may do. No area: the whole city. No categories: every one."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    actions: Annotated[
        list[Annotated[str, Field(json_schema_extra={"enum": sorted(KEY_ACTIONS)})]],
        Field(min_length=1, max_length=len(KEY_ACTIONS)),
    ]
    area: Annotated[str, Field(json_schema_extra=AREA)] = ""
    areas: Annotated[
        list[Annotated[str, Field(json_schema_extra=AREA_PATH)]] | None,
        Field(min_length=1, max_length=50, description="several areas, in place of `area`; for keys of intake alone"),
    ] = None
    categories: Annotated[list[str], Field(min_length=1, max_length=500)] | None = None
    rate: Annotated[int, Field(ge=1, le=100_000, description="requests a second")] | None = None
    daily: Annotated[int, Field(ge=1, le=100_000_000, description="requests a day of the city")] | None = None
    expires_at: Instant | None = None

    def scope_area(self) -> AreaPath:
        """Raises BadAreaPath, BadScope."""
        if self.areas is None:
            return AreaPath.parse(self.area) if self.area else AreaPath.root()
        if self.area:
            raise BadScope(
                "give area, or areas: one of the two", errors=[FieldError("/areas", "area is given as well")]
            )
        return AreaPaths.of([AreaPath.parse(path, f"/areas/{n}") for n, path in enumerate(self.areas)])


class RotateBody(Body):
    """How long both keys open; the new one's end (left out: that of the old one, if it had one)."""

    overlap_s: Annotated[int, Field(ge=0, le=round(LONGEST_OVERLAP.total_seconds()))] = 86_400
    expires_at: Instant | None = None


class KeyIssuedView(KeyView):
    """`key` is shown this once, and when the same request is sent again with its Idempotency-Key."""

    key: str


class KeyRotatedView(KeyIssuedView):
    """The new key; `replaces` opens until `old_ends_at`."""

    replaces: str
    old_ends_at: AwareDatetime | None


@router.post("/v1/keys", status_code=201)
async def post_key(
    request: Request, caller: Caller, body: KeyBody, idempotency_key: IdempotencyKey = None
) -> KeyIssuedView:
    """Issue an API key."""
    wired: Wired = wired_of(request)
    area = body.scope_area()
    authorize(caller, "keys:write", area)
    categories = None if body.categories is None else tuple(body.categories)
    scope = Scope(tuple(sorted(set(body.actions))), area, categories, body.rate, body.daily)
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


@router.post("/v1/keys/{key_id}/rotate", status_code=201, responses=refusals(409))
async def post_rotate(
    request: Request, key_id: str, caller: Caller, body: RotateBody, idempotency_key: IdempotencyKey = None
) -> KeyRotatedView:
    """Put a second key of the same scope in the place of one. Both open until `overlap_s` is over (a day, if nothing is
    said; 30 at the most) and count against the same rate and quota; DELETE ends the old one sooner.
    """
    wired: Wired = wired_of(request)
    authorize(caller, "keys:write")
    once = None
    if idempotency_key is not None:
        asked = request_hash("POST", request.url.path, await request.body())
        once = Once(wired.desk.sealer, caller.subject, idempotency_key, asked)
    overlap = timedelta(seconds=body.overlap_s)
    old, key, secret = await rotate_key(
        wired.pool,
        wired.outbox,
        wired.clock,
        caller,
        key_id,
        overlap=overlap,
        expires_at=body.expires_at,
        once=once,
    )
    return KeyRotatedView(**key_view(key).model_dump(), key=secret, replaces=old.id, old_ends_at=old.expires_at)


@router.delete("/v1/keys/{key_id}", responses=refusals(409))
async def delete_key(request: Request, key_id: str, caller: Caller, reason: Ending = "revoked") -> KeyView:
    """Revoke a key: refused by every service within two seconds."""
    wired: Wired = wired_of(request)
    authorize(caller, "keys:write")
    return key_view(await revoke_key(wired.pool, wired.outbox, wired.clock, key_id, reason))
