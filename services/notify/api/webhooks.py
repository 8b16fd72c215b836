"""`/v1/webhooks`: events posted to a receiver of the caller's, signed as Standard Webhooks says."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.notify.commands.webhooks import AddWebhook, add_webhook, delete_webhook, enable_webhook
from services.notify.domain.interest import wanted_area
from services.notify.queries.webhooks import Webhook, webhook, webhooks_of
from services.notify.wiring import Wired
from shared.auth import Caller, authorize
from shared.http import AREA, BadCursor, Body, Cursor, Listing, PageLimit, decode_cursor, encode_cursor, wired_of
from shared.idempotency import IdempotencyKey, request_hash

router = APIRouter(tags=["webhooks 回调"])


class NewWebhook(Body):
    """Where to post what. Without `area`: all of the caller's own; without `types`: every type."""

    url: Annotated[str, Field(max_length=2048, description="http or https; a public address")]
    area: Annotated[str | None, Field(json_schema_extra=AREA)] = None
    types: Annotated[list[str], Field(max_length=50, description="case.filed.v1, or a family: case.*")] = Field(
        default=[]
    )


class WebhookMade(BaseModel):
    """`secret` verifies our signature and is shown this once."""

    id: UUID
    secret: str
    url: str
    area: str
    types: list[str]
    state: str


@router.post(
    "/v1/webhooks",
    status_code=201,
    response_model=WebhookMade,
    summary="Have events posted to a URL 登记回调",
)
async def post_webhook(request: Request, who: Caller, body: NewWebhook, key: IdempotencyKey = None) -> Response:
    """Each event is a POST of the structured CloudEvent with `webhook-id` (the event's id), `webhook-timestamp` and
    `webhook-signature` (Standard Webhooks, v1: HMAC-SHA256). Answer 2xx within ten seconds.

    At least once, in order for each case; an event that is not received is sent again after 2 s, 4 s, … up to ten
    minutes, and only later events of its own case wait for it. After three days without success, or on 410, the webhook
    is disabled and says why.
    """
    wired: Wired = wired_of(request)
    area = wanted_area(body.area, who.area, "/area")
    authorize(who, "webhooks:write", area)
    wanted = AddWebhook(
        who, body.url, area, body.types, key, request_hash("POST", request.url.path, await request.body())
    )
    stored = await add_webhook(
        wired.pool,
        wired.clock,
        wanted,
        at_most=wired.settings.webhooks_per_owner,
        private_allowed=wired.settings.webhook_private_targets,
    )
    return Response(stored.body, stored.status, media_type="application/json")


@router.get("/v1/webhooks", summary="The caller's webhooks 回调列表")
async def list_webhooks(
    request: Request, who: Caller, cursor: Cursor = None, limit: PageLimit = 50
) -> Listing[Webhook]:
    """In the order they were made."""
    authorize(who, "webhooks:write")
    wired: Wired = wired_of(request)
    after = _id_of(decode_cursor(cursor, 1)[0]) if cursor is not None else None
    found = await webhooks_of(wired.pool, who.subject, after, limit + 1)
    more = encode_cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return Listing(items=found[:limit], next=more)


@router.get("/v1/webhooks/{webhook_id}", summary="One webhook and how it fares 回调详情")
async def get_webhook(request: Request, who: Caller, webhook_id: UUID) -> Webhook:
    """State, failures, what waits."""
    authorize(who, "webhooks:write")
    wired: Wired = wired_of(request)
    return await webhook(wired.pool, who.subject, webhook_id)


@router.delete("/v1/webhooks/{webhook_id}", status_code=204, summary="Post no more 删除回调")
async def drop_webhook(request: Request, who: Caller, webhook_id: UUID) -> None:
    """What waits is dropped; a delivery that is under way may still arrive."""
    authorize(who, "webhooks:write")
    wired: Wired = wired_of(request)
    await delete_webhook(wired.pool, who.subject, webhook_id)


@router.post("/v1/webhooks/{webhook_id}/enable", summary="Send again 重新启用")
async def post_enable(request: Request, who: Caller, webhook_id: UUID) -> Webhook:
    """From where it stopped: what waited is tried at once, then what came since, as far as the log is kept."""
    authorize(who, "webhooks:write")
    wired: Wired = wired_of(request)
    await enable_webhook(wired.pool, who.subject, webhook_id)
    return await webhook(wired.pool, who.subject, webhook_id)


def _id_of(part: object) -> UUID:
    try:
        return UUID(str(part))
    except ValueError:
        raise BadCursor("give the 'next' of the page before, unchanged") from None
