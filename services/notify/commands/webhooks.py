"""Adding, dropping and enabling a webhook."""

import base64
import secrets
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import orjson

from services.notify.domain.interest import Interest
from services.notify.domain.webhook import TooManyWebhooks, WebhookUnknown
from services.notify.outgoing import checked_address
from services.notify.store import webhooks
from shared import idempotency
from shared.auth import Principal
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock
from shared.kernel.ids import uuid7
from shared.postgres import Pool, transaction

SCHEMA = "notify"


class AddWebhook(NamedTuple):
    """`key` is the caller's Idempotency-Key, `asked` the hash of the request it came with."""

    who: Principal
    url: str
    area: AreaPath
    types: Sequence[str]
    key: str | None
    asked: bytes


async def add_webhook(
    pool: Pool, clock: Clock, wanted: AddWebhook, *, at_most: int, private_allowed: bool
) -> idempotency.Stored:
    """Add a webhook that hears everything from now on; the answer holds its secret, shown this once.

    Raises BadWebhookUrl, TargetNotAllowed, BadEventTypes, TooManyWebhooks, KeyReused, InFlight.
    """
    who = wanted.who
    Interest().narrowed_to(list(wanted.types), "/types")
    await checked_address(wanted.url, private_allowed=private_allowed)
    async with transaction(pool) as tx:
        await webhooks.lock_owner(tx, who.subject)
        if wanted.key is not None:
            stored = await idempotency.find(tx, SCHEMA, who.subject, wanted.key)
            if stored is not None:
                return idempotency.same_request(stored, wanted.asked)
        if await webhooks.count(tx, who.subject) >= at_most:
            raise TooManyWebhooks(f"you have {at_most} webhooks, which is the most; delete one first")
        new = webhooks.NewWebhook(
            id=uuid7(),
            owner=who.subject,
            url=wanted.url,
            area=str(wanted.area),
            types=list(wanted.types),
            categories=sorted(who.categories) if who.categories is not None else None,
            unit=who.unit if who.post == "unit_clerk" else None,
            secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
            created_at=clock(),
        )
        await webhooks.add(tx, new)
        body = {"id": new.id, "secret": new.secret, "url": new.url, "area": new.area, "types": new.types}
        answer = idempotency.Stored(
            wanted.asked, 201, None, orjson.dumps({**body, "state": "active", "created_at": new.created_at})
        )
        if wanted.key is not None:
            await idempotency.save(tx, SCHEMA, who.subject, wanted.key, answer)
        return answer


async def delete_webhook(pool: Pool, owner: str, webhook_id: UUID) -> None:
    """Drop a webhook; a delivery that is under way may still arrive. Raises WebhookUnknown."""
    async with transaction(pool) as tx:
        if not await webhooks.delete(tx, owner, webhook_id):
            raise WebhookUnknown(f"you have no webhook {webhook_id}")


async def enable_webhook(pool: Pool, owner: str, webhook_id: UUID) -> None:
    """Send again, from where it stopped. Raises WebhookUnknown."""
    async with transaction(pool) as tx:
        if not await webhooks.enable(tx, owner, webhook_id):
            raise WebhookUnknown(f"you have no webhook {webhook_id}")
