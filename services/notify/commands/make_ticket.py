"""A browser's EventSource cannot send a header: a ticket in the address opens the stream for a minute."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from services.notify.store import tickets
from shared.auth import Principal, authorize
from shared.kernel.clock import Clock
from shared.postgres import Pool, transaction

VALID_FOR = timedelta(minutes=1)


class Ticket(NamedTuple):
    """Good for opening streams until `expires_at`; a stream that is open by then goes on."""

    ticket: str
    expires_at: datetime


def ticket_hash(ticket: str) -> bytes:
    """What is stored in its place: 256 random bits need no slow hash."""
    return hashlib.sha256(ticket.encode()).digest()


async def make_ticket(pool: Pool, clock: Clock, who: Principal) -> Ticket:
    """A ticket with which anyone may hear what `who` may. Raises ActionNotAllowed."""
    authorize(who, "stream:read")
    made = Ticket(secrets.token_urlsafe(32), clock() + VALID_FOR)
    holder = {
        "kind": who.kind,
        "subject": who.subject,
        "key": who.key,
        "area": str(who.area),
        "post": who.post,
        "unit": who.unit,
        "categories": sorted(who.categories) if who.categories is not None else None,
    }
    async with transaction(pool) as tx:
        await tickets.add(tx, ticket_hash(made.ticket), holder, made.expires_at)
    return made
