"""What waits for the caller's post 待办."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.dispatch.domain.case import Actor
from services.dispatch.domain.queues import OF_POST, Reason
from services.dispatch.queries.pages import fingerprint, place_cursor, place_of
from services.dispatch.store import queue
from services.dispatch.store.queue import COUNTED_TO, Waiting
from services.dispatch.store.wanted import Sight
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Forbidden, Invalid
from shared.postgres import Pool, transaction

__all__ = ["COUNTED_TO", "NoQueue", "Queue", "UnknownReason", "Waiting", "my_queue"]


class NoQueue(Forbidden):
    slug, title, title_zh = "no-queue", "Nothing ever waits for this caller", "该账号没有待办列表"


class UnknownReason(Invalid):
    slug, title, title_zh = "unknown-reason", "Nothing waits for this post for that reason", "该岗位没有此类待办"


class Queue(NamedTuple):
    """A page, and with the first one the counts: {reason: cases}, COUNTED_TO standing for that many or more."""

    items: list[Waiting]
    next: str | None
    reasons: Sequence[Reason]
    counts: dict[str, int] | None


async def my_queue(
    pool: Pool,
    sight: Sight,
    actor: Actor,
    area: AreaPath,
    asked: Sequence[str] | None,
    cursor: str | None,
    limit: int,
) -> Queue:
    """The most urgent first, as the running clocks say. Raises NoQueue, UnknownReason, BadCursor, CursorOfOtherList."""
    reasons = _reasons(actor, asked)
    list_ = fingerprint("queue", actor, area, asked)
    after = place_of(cursor, list_)
    owner = queue.owner_of(actor.post, actor.unit, actor.subject)
    counts: dict[str, int] | None = None
    async with transaction(pool) as tx:
        found = await queue.page(tx, sight, area, owner, reasons, after, limit + 1)
        if after is None:
            counts = await queue.counts(tx, sight, area, owner, reasons)
    more = place_cursor(list_, found[limit - 1].place) if len(found) > limit else None
    return Queue(found[:limit], more, reasons, counts)


def _reasons(actor: Actor, asked: Sequence[str] | None) -> Sequence[Reason]:
    own = OF_POST.get(actor.post or "", ())
    if not own:
        raise NoQueue(
            f"a queue holds what a post has to do, and {actor.post or 'an app'} does no acts; "
            "GET cases lists what you may see"
        )
    names: dict[str, Any] = {reason.name: reason for reason in own}
    for name in asked or ():
        if name not in names:
            raise UnknownReason(
                f"nothing waits for {actor.post} because it is {name[:40]!r}; the reasons are: {', '.join(names)}",
                errors=[FieldError("?reason", f"one of {', '.join(names)}")],
            )
    return tuple(reason for reason in own if not asked or reason.name in asked)
