"""What whoever sent a report may do with it afterwards: take it back 撤回, add to it 补充."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from services.intake.domain.report import RECEIVED, ReportNotFound
from shared.kernel.errors import Conflict, FieldError, Invalid
from shared.kernel.ids import tracking_hash

WITHDRAWN: Final = "withdrawn"
"""The status of a report that was taken back, as long as no case of it goes on."""

# Statuses of its case in which nobody has acted on it, and those in which nobody will any more.
UNTOUCHED: Final = frozenset({RECEIVED, "reported"})
ENDED: Final = frozenset({"closed", "voided", "rejected"})
# Enough for a story and its photographs, too few to fill a desk's timeline.
MOST_ADDITIONS: Final = 20


class AlreadyActedOn(Conflict):
    slug, title, title_zh = "already-acted-on", "Somebody has acted on it already", "案卷已在办理，不能撤回"


class AlreadyWithdrawn(Conflict):
    slug, title, title_zh = "already-withdrawn", "The report was withdrawn", "上报已撤回"


class ReportEnded(Conflict):
    slug, title, title_zh = "report-ended", "Its case has come to an end", "案卷已结束"


class TooManyAdditions(Conflict):
    slug, title, title_zh = "too-many-additions", "Too much was added to this report", "补充次数过多"


class NothingAdded(Invalid):
    slug, title, title_zh = "nothing-added", "Neither a text nor media were sent", "补充内容为空"


class OwnReport(NamedTuple):
    """A report as far as this needs it. `status` is its case's; None: it has none yet. `additions` counts them."""

    id: UUID
    routing_key: str
    tracking_code: str
    caller: str
    case_id: UUID | None
    status: str | None
    withdrawn_at: datetime | None
    additions: int


def check_sender(report: OwnReport | None, report_id: UUID, subject: str | None, code: str | None) -> OwnReport:
    """The report, for the caller who sent it and for whoever has its tracking code. Raises ReportNotFound for others:
    no hint that it exists.
    """
    if report is not None and code is not None and tracking_hash(code) == tracking_hash(report.tracking_code):
        return report
    if report is None or code is not None or subject != report.caller:
        raise ReportNotFound(f"there is no report {report_id} that this caller sent, or that this tracking code is of")
    return report


def check_withdrawal(report: OwnReport) -> None:
    """Raise AlreadyWithdrawn, or AlreadyActedOn as far as this service has heard. Dispatch has the last word."""
    _not_withdrawn(report)
    status = report.status or RECEIVED
    if status not in UNTOUCHED:
        raise AlreadyActedOn(
            f"its case is {status}; a report can be taken back until somebody acts on it. Add to it instead",
            facts={"case_status": status},
        )


def check_addition(report: OwnReport, text: str | None, media: Sequence[UUID]) -> None:
    """Raise NothingAdded, AlreadyWithdrawn, ReportEnded, TooManyAdditions."""
    if not (text and text.strip()) and not media:
        raise NothingAdded("give text, media, or both", errors=[FieldError("", "give text, media, or both")])
    _not_withdrawn(report)
    if report.status in ENDED:
        raise ReportEnded(
            f"its case is {report.status}: if the matter is there again, report it anew",
            facts={"case_status": report.status},
        )
    if report.additions >= MOST_ADDITIONS:
        raise TooManyAdditions(f"it has {report.additions} additions already, as many as a report may have")


def shown_status(status: str | None, withdrawn: bool) -> str:
    """What a report's status is called: its case's; `withdrawn` where it was taken back and its case went with it."""
    if withdrawn and (status is None or status in UNTOUCHED or status == "voided"):
        return WITHDRAWN
    return status or RECEIVED


def _not_withdrawn(report: OwnReport) -> None:
    if report.withdrawn_at is not None:
        raise AlreadyWithdrawn(f"it was withdrawn at {report.withdrawn_at.isoformat(timespec='seconds')}")
