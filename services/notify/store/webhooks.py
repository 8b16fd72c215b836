"""Webhooks and whose they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.postgres import Connection

ADD = """
    INSERT INTO notify.webhooks (id, owner, url, area, types, categories, unit, secret, created_at, position)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, (SELECT position FROM notify.head))
"""

# Serialises the additions of one owner, so that two at once cannot both be the last allowed.
LOCK_OWNER = "SELECT pg_advisory_xact_lock(hashtextextended('notify.webhooks ' || $1::text, 0))"

COUNT = "SELECT count(*) FROM notify.webhooks WHERE owner = $1"

_VIEW_PART = """
    SELECT w.id, w.url, w.area, w.types, w.state, w.state_reason, w.created_at, w.failures, w.failing_since,
           w.last_status, w.last_error, w.last_attempt_at, w.last_success_at,
           (SELECT count(*) FROM notify.webhook_waiting q WHERE q.webhook_id = w.id) AS waiting,
           greatest((SELECT position FROM notify.head) - w.position, 0) AS behind, w.missed
      FROM notify.webhooks w
"""

LIST = f"{_VIEW_PART} WHERE w.owner = $1 AND ($2::uuid IS NULL OR w.id > $2) ORDER BY w.id LIMIT $3"

FIND = f"{_VIEW_PART} WHERE w.owner = $1 AND w.id = $2"

DELETE = "DELETE FROM notify.webhooks WHERE owner = $1 AND id = $2"

ENABLE = """
    UPDATE notify.webhooks
       SET state = 'active', state_reason = NULL, failures = 0, failing_since = NULL, resting_until = NULL
     WHERE owner = $1 AND id = $2
"""

# What had waited so long that it led to the end is tried again at once, and has its whole time again.
REVIVE_WAITING = """
    UPDATE notify.webhook_waiting SET next_at = now(), failed_at = NULL WHERE webhook_id = $1 AND next_at < 'infinity'
"""


class NewWebhook(NamedTuple):
    """A webhook as it is added: it starts at the present end of the log."""

    id: UUID
    owner: str
    url: str
    area: str
    types: Sequence[str]
    categories: Sequence[str] | None
    unit: str | None
    secret: str
    created_at: datetime


class Seen(NamedTuple):
    """A webhook as its owner sees it. The secret is shown once, when it is made."""

    id: UUID
    url: str
    area: str
    types: list[str]
    state: str
    state_reason: str | None
    created_at: datetime
    failures: int
    failing_since: datetime | None
    last_status: int | None
    last_error: str | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    waiting: int
    behind: int
    missed: int


async def lock_owner(tx: Connection, owner: str) -> None:
    """Wait until no other addition of this owner is under way."""
    await tx.execute(LOCK_OWNER, owner)


async def count(tx: Connection, owner: str) -> int:
    """How many webhooks `owner` has."""
    return int(await tx.fetchval(COUNT, owner))


async def add(tx: Connection, new: NewWebhook) -> None:
    """Add a webhook."""
    await tx.execute(ADD, *new)


async def listing(tx: Connection, owner: str, after: UUID | None, limit: int) -> list[Seen]:
    """The webhooks of `owner` after the id `after`, in the order they were made."""
    return [Seen(*row) for row in await tx.fetch(LIST, owner, after, limit)]


async def find(tx: Connection, owner: str, webhook_id: UUID) -> Seen | None:
    """One webhook, if it is the owner's."""
    row = await tx.fetchrow(FIND, owner, webhook_id)
    return None if row is None else Seen(*row)


async def delete(tx: Connection, owner: str, webhook_id: UUID) -> bool:
    """Drop a webhook and what waits for it; False if the owner has none such."""
    return await tx.execute(DELETE, owner, webhook_id) == "DELETE 1"


async def enable(tx: Connection, owner: str, webhook_id: UUID) -> bool:
    """Send again, from where it stopped; False if the owner has none such."""
    if await tx.execute(ENABLE, owner, webhook_id) != "UPDATE 1":
        return False
    await tx.execute(REVIVE_WAITING, webhook_id)
    return True
