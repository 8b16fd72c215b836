"""What happened to a case, as people read it."""

from typing import Any
from uuid import UUID

from services.dispatch.domain.case import Actor
from services.dispatch.domain.refusals import CaseNotFound
from services.dispatch.domain.telling import Names, Told, tell
from services.dispatch.queries.cases import Page, Sight, version_cursor
from services.dispatch.store import reading, timeline
from shared.http import encode_cursor
from shared.postgres import ACQUIRE_SECONDS, Pool

# Who reads under which Idempotency-Key somebody else asked.
_SEES_KEYS = ("auditor", "admin")


async def case_history(
    pool: Pool, case_id: UUID, sight: Sight, reader: Actor, units: Names, cursor: str | None, limit: int
) -> Page:
    """From its first fact on, as far as `reader` may see. Raises CaseNotFound, BadCursor."""
    after = version_cursor(cursor)
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        if await reading.one(connection, case_id, sight) is None:
            raise CaseNotFound(f"there is no case {case_id} among those you may see")
        items = await timeline.page(connection, case_id, after, limit + 1)
    more = encode_cursor(items[limit - 1]["version"]) if len(items) > limit else None
    return Page([_shown(item, reader, units) for item in items[:limit]], more)


def _shown(item: dict[str, Any], reader: Actor, units: Names) -> dict[str, Any]:
    details, receiver, clock = item["details"] or {}, item["receiver"], item["clock"]
    told = Told(
        item["act"],
        item["actor"],
        item["centre"],
        item["post"],
        item["from"],
        item["to"],
        item["opinion"],
        clock,
        details,
        receiver,
    )
    sees_key = reader.post in _SEES_KEYS or reader.subject == item["actor"]
    return item | {
        "words": tell(told, units),
        "details": details,
        "clock": clock and clock | {"left_s": clock["limit_s"] - clock["used_s"]},
        "receiver": receiver and {"unit": None, "assignee": None, **receiver},
        "key": item["key"] if sees_key else None,
    }
