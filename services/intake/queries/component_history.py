"""What a component was: its versions, each with what changed."""

from datetime import datetime

from pydantic import Field

from services.intake.domain.component import Kept, changed_fields
from services.intake.queries.components import ComponentView, component, view
from services.intake.store import components as store
from shared.auth import Principal
from shared.http import BadCursor, Listing, decode_cursor, encode_cursor
from shared.postgres import Pool


class ComponentVersion(ComponentView):
    """A component as it was from `since` until `until`; null: it is so now. `by` is who recorded it."""

    until: datetime | None
    by: str
    changed: list[str] = Field(description="what differs from the version before; empty for the first")


async def component_history(
    pool: Pool, who: Principal, code: int, *, cursor: str | None, limit: int
) -> Listing[ComponentVersion]:
    """Its versions, the latest first. Raises ComponentNotFound, BadCursor."""
    now = await component(pool, who, code)
    below = now.version + 1 if cursor is None else _below(cursor)
    # Two more than a page: the version before the last shown tells what that one changed, the one after when it ended.
    former = await store.versions(pool, code, min(below + 1, now.version), limit + 3)
    chain = [now] if below > now.version else []
    chain += [Kept(each.component, each.version, each.since, each.by) for each in former]
    after = next((kept for kept in chain if kept.version >= below), None)
    if after is None and below <= now.version:
        after = now
    shown = [kept for kept in chain if kept.version < below]
    items = []
    until = None if below > now.version or after is None else after.since
    for n, kept in enumerate(shown[:limit]):
        before = shown[n + 1] if n + 1 < len(shown) else None
        changed = [] if before is None else changed_fields(before.component, kept.component)
        items.append(ComponentVersion(**view(kept).model_dump(), until=until, by=kept.by, changed=changed))
        until = kept.since
    more = encode_cursor(items[-1].version) if len(shown) > limit else None
    return Listing(items=items, next=more)


def _below(cursor: str) -> int:
    version = decode_cursor(cursor, 1)[0]
    if not isinstance(version, int) or not 0 < version < 2**31 - 1:
        raise BadCursor("give the 'next' of the page before, unchanged, or leave it out")
    return version
