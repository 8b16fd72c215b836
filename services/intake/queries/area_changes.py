"""Changes of the areas: those that were made, and those that are planned."""

from uuid import UUID

from services.intake.domain.area import PlanNotFound
from services.intake.store import area_history, area_plans
from services.intake.store.area_history import Version
from services.intake.store.area_plans import Plan
from shared.auth import Principal, authorize
from shared.http import BadCursor, decode_cursor, encode_cursor
from shared.kernel.errors import FieldError
from shared.postgres import Pool

_BEYOND = 2**31 - 1


async def versions(pool: Pool, who: Principal, *, cursor: str | None, limit: int) -> tuple[list[Version], str | None]:
    """The youngest first, and the cursor of the page after it."""
    authorize(who, "areas:read")
    before = _BEYOND if cursor is None else decode_cursor(cursor, 1)[0]
    if not isinstance(before, int) or not 0 <= before <= _BEYOND:
        raise BadCursor("give the 'next' of the page before", errors=[FieldError("?cursor", "not a cursor")])
    found = await area_history.versions(pool, before, limit + 1)
    return found[:limit], encode_cursor(found[limit - 1].version) if len(found) > limit else None


async def plans(pool: Pool, who: Principal, *, cursor: str | None, limit: int) -> tuple[list[Plan], str | None]:
    """The one that was made last first, and the cursor of the page after it."""
    authorize(who, "areas:read")
    try:
        before = None if cursor is None else UUID(str(decode_cursor(cursor, 1)[0]))
    except ValueError:
        raise BadCursor("give the 'next' of the page before", errors=[FieldError("?cursor", "not a cursor")]) from None
    found = await area_plans.page(pool, before, limit + 1)
    return found[:limit], encode_cursor(str(found[limit - 1].id)) if len(found) > limit else None


async def plan(pool: Pool, who: Principal, plan_id: UUID) -> Plan:
    """Raises PlanNotFound."""
    authorize(who, "areas:read")
    found = await area_plans.find(pool, plan_id)
    if found is None:
        raise PlanNotFound(f"there is no planned change {plan_id}")
    return found
