"""One report, as its sender and the desks see it."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.intake.domain.report import RECEIVED, ReportNotFound
from services.intake.store import reports as store
from shared.auth import Principal, authorize
from shared.postgres import Pool


class ReportView(BaseModel):
    """A report 上报. Once it has a case, `status` follows the case's."""

    id: UUID
    tracking_code: str
    routing_key: str
    status: str
    category: str
    received_at: datetime
    case_id: UUID | None
    merged_into: UUID | None


async def report(pool: Pool, who: Principal, report_id: UUID) -> ReportView:
    """Raises ReportNotFound, also for a report outside the caller's area or categories: no hint that it exists."""
    authorize(who, "reports:read")
    async with pool.acquire() as connection:
        found = await store.find_report(connection, report_id)
    hidden = found is None or not who.area.covers(found.routing_key)
    if found is None or hidden or (who.categories is not None and found.category not in who.categories):
        raise ReportNotFound(f"there is no report {report_id} for this caller")
    return ReportView(
        id=found.id,
        tracking_code=found.tracking_code,
        routing_key=found.routing_key,
        status=found.status or RECEIVED,
        category=found.category,
        received_at=found.received_at,
        case_id=found.case_id,
        merged_into=found.merged_into,
    )
