"""One report, as its sender and the desks see it."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.intake.domain.own_report import shown_status
from services.intake.domain.report import ReportNotFound
from services.intake.queries.first_asked import FirstAsked, of_report
from services.intake.store import own_reports
from services.intake.store import reports as store
from shared.auth import Principal, authorize
from shared.postgres import Pool


class ReportView(BaseModel):
    """A report 上报. Once it has a case, `status` follows the case's; `withdrawn` is one that was taken back 撤回."""

    id: UUID
    tracking_code: str
    routing_key: str
    status: str
    category: str
    received_at: datetime
    case_id: UUID | None
    merged_into: UUID | None
    withdrawn_at: datetime | None = None
    first_asked: FirstAsked | None = None


async def report(pool: Pool, who: Principal, report_id: UUID) -> ReportView:
    """Raises ReportNotFound, also for a report outside the caller's area or categories: no hint that it exists."""
    authorize(who, "reports:read")
    async with pool.acquire() as connection:
        found = await store.find_report(connection, report_id)
        withdrawn_at = None if found is None else await own_reports.withdrawn_at(connection, report_id)
        answers = None if found is None else await of_report(connection, report_id)
    hidden = found is None or not who.area.covers(found.routing_key)
    if found is None or hidden or (who.categories is not None and found.category not in who.categories):
        raise ReportNotFound(f"there is no report {report_id} for this caller")
    return ReportView(
        id=found.id,
        tracking_code=found.tracking_code,
        routing_key=found.routing_key,
        status=shown_status(found.status, withdrawn_at is not None),
        category=found.category,
        received_at=found.received_at,
        case_id=found.case_id,
        merged_into=found.merged_into,
        withdrawn_at=withdrawn_at,
        first_asked=answers,
    )
