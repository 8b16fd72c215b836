"""Comment on a request: what a client adds to it afterwards, once for each of the client's own names for it."""

import hashlib
from typing import NamedTuple
from uuid import UUID

import orjson

from services.intake.domain.masking import mask
from services.intake.domain.open311 import UnknownRequest, UpdateIdReused, plain_status
from services.intake.domain.report import Personal, Reporter
from services.intake.sealing import Sealer
from services.intake.store import open311 as requests
from services.intake.store import open311_following as store
from services.intake.store.open311_following import Comment
from shared.auth import Principal, authorize
from shared.kernel.clock import Clock
from shared.kernel.errors import FieldError
from shared.kernel.ids import uuid7
from shared.postgres import Pool

ACTION = "reports:create"


class Added(NamedTuple):
    """An update as it was sent; `client_id` None: the client has no name for it."""

    report_id: UUID
    client_id: str | None
    description: str
    media_url: str | None
    reporter: Reporter | None


async def comment_request(pool: Pool, sealer: Sealer, clock: Clock, who: Principal, added: Added) -> UUID:
    """The update's id: of an update sent again, the id that it got the first time.

    Raises UnknownRequest, also for one outside the caller's area or categories, and UpdateIdReused.
    """
    authorize(who, ACTION)
    async with pool.acquire() as connection:
        found = await requests.show(connection, [added.report_id])
        if not found or not _may(who, found[0]):
            raise UnknownRequest(
                f"there is no service request {added.report_id} for this key",
                errors=[FieldError("/service_request_id", "no such request")],
            )
        new_id, masked = uuid7(), mask(added.description)
        personal = None
        if added.reporter is not None or masked != added.description:
            personal = sealer.seal(new_id, Personal(added.description, added.reporter))
        comment = Comment(
            new_id,
            added.report_id,
            who.subject,
            added.client_id or str(new_id),
            clock(),
            plain_status(found[0].status if found[0].status else None if found[0].open else "closed"),
            masked,
            added.media_url,
            hashlib.sha256(orjson.dumps((added.report_id, added.description, added.media_url))).digest(),
            personal,
        )
        kept, asked = await store.add_comment(connection, comment)
    if asked != comment.asked:
        raise UpdateIdReused(
            f"this key has sent another update as {added.client_id!r}; give each update an id of its own",
            errors=[FieldError("/update_id", "already stands for another update")],
        )
    return kept


def _may(who: Principal, found: requests.Shown) -> bool:
    return who.area.covers(found.area) and (who.categories is None or found.category in who.categories)
