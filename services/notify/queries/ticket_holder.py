"""Whose stream ticket this is."""

import hashlib

from services.notify.store import tickets
from shared.auth import Principal
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock
from shared.kernel.errors import Unauthenticated
from shared.postgres import Pool


class BadTicket(Unauthenticated):
    slug, title, title_zh = "bad-stream-ticket", "The stream ticket is not valid", "流票据无效"


async def ticket_holder(pool: Pool, clock: Clock, ticket: str) -> Principal:
    """The principal that the ticket was made for, able to read streams and nothing else. Raises BadTicket."""
    async with pool.acquire(timeout=5) as connection:
        holder = await tickets.find(connection, hashlib.sha256(ticket.encode()).digest(), clock())
    if holder is None:
        raise BadTicket(
            "the ticket is unknown or older than a minute; ask for a new one: POST /notify/v1/stream-tickets"
        )
    return Principal(
        kind=holder["kind"],
        subject=holder["subject"],
        area=AreaPath(holder["area"]),
        actions=frozenset({"stream:read"}),
        post=holder["post"],
        unit=holder["unit"],
        key=holder.get("key"),
        categories=frozenset(holder["categories"]) if holder["categories"] is not None else None,
    )
