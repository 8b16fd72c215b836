"""Webhooks as their owner sees them."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.notify.domain.webhook import WebhookUnknown
from services.notify.store import webhooks
from shared.postgres import Pool


class Webhook(BaseModel):
    """One webhook and how it fares. `state` is `disabled` after it failed for too long; `state_reason` says why.

    `waiting` events were refused, or stand behind one of the same subject that was; `behind` is how many facts of the
    log it has yet to look at, `missed` how many the log dropped before it could (it was disabled for too long).
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    url: str
    area: str
    types: list[str]
    state: str
    state_reason: str | None
    created_at: datetime
    failures: int = Field(description="failed deliveries in a row")
    failing_since: datetime | None
    last_status: int | None
    last_error: str | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    waiting: int
    behind: int
    missed: int


async def webhooks_of(pool: Pool, owner: str, after: UUID | None, limit: int) -> list[Webhook]:
    """The owner's webhooks after the id `after`, in the order they were made."""
    async with pool.acquire(timeout=5) as connection:
        return [Webhook.model_validate(seen) for seen in await webhooks.listing(connection, owner, after, limit)]


async def webhook(pool: Pool, owner: str, webhook_id: UUID) -> Webhook:
    """One webhook of the owner's. Raises WebhookUnknown."""
    async with pool.acquire(timeout=5) as connection:
        found = await webhooks.find(connection, owner, webhook_id)
    if found is None:
        raise WebhookUnknown(f"you have no webhook {webhook_id}")
    return Webhook.model_validate(found)
