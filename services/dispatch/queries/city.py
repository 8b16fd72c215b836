"""Open tasks on the spot, and handling units."""

from datetime import datetime
from typing import Any

from services.dispatch.domain.case import Case, Status
from services.dispatch.queries.cases import Sight, uuid_cursor
from services.dispatch.queries.pages import Page, bad_cursor
from services.dispatch.store import reading, units
from shared.http import decode_cursor, encode_cursor
from shared.kernel.area import AreaPath
from shared.postgres import ACQUIRE_SECONDS, Pool, transaction

TASK_KINDS = {Status.VERIFYING: "verification", Status.CHECKING: "check"}
_STATUS_OF_KIND = {kind: status for status, kind in TASK_KINDS.items()}


async def list_tasks(
    pool: Pool, sight: Sight, area: AreaPath, kind: str | None, cursor: str | None, limit: int
) -> Page:
    """Verifications and checks that wait for an answer, the longest open first. Raises BadCursor."""
    after = uuid_cursor(cursor)
    async with transaction(pool) as tx:
        found = await reading.tasks(tx, sight, area, _STATUS_OF_KIND[kind] if kind else None, after, limit + 1)
    more = encode_cursor(str(found[limit - 1].task_id)) if len(found) > limit else None
    return Page([_task(case) for case in found[:limit]], more)


def _task(case: Case) -> dict[str, Any]:
    clock = case.running
    return {
        "id": case.task_id,
        "kind": TASK_KINDS[case.status],
        "case": case.id,
        "number": case.number,
        "revision": case.revision,
        "area": case.area,
        "location": case.place,
        "category": case.category,
        "description": case.description,
        "due_at": clock.due_at if clock else None,
        "assignee": case.assignee,
    }


async def list_units(pool: Pool, area: AreaPath, at: datetime | None, cursor: str | None, limit: int) -> Page:
    """Handling units that work in `area`, by code: now, or as they were at `at`. Raises BadCursor."""
    after = "" if cursor is None else decode_cursor(cursor, 1)[0]
    if not isinstance(after, str) or "\x00" in after:
        raise bad_cursor()
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        found = await units.page(connection, area, at, after, limit + 1)
    more = encode_cursor(found[limit - 1]["code"]) if len(found) > limit else None
    return Page(found[:limit], more)
