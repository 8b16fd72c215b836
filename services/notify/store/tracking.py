"""What is known of a report by its tracking code."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.notify.domain.track import Step
from shared.contracts.handover import Belonging
from shared.postgres import Connection

# Two reports with one tracking code cannot be (58 bits); if it happened, the first keeps it.
ADD_REPORTS = """
    INSERT INTO notify.tracked_reports (report_id, tracking_hash, received_at, reachable, merged)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::boolean[], $5::boolean[])
    ON CONFLICT DO NOTHING
"""

# Several reports may be merged into one case, and a report may move to another case; which of two counts is the rule of
# `shared.contracts.handover`.
LINK = """
    INSERT INTO notify.tracked_links AS l (report_id, case_id, handed)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::boolean[])
    ON CONFLICT (report_id) DO UPDATE SET case_id = excluded.case_id, handed = excluded.handed
     WHERE l.case_id <> excluded.case_id
       AND (excluded.handed OR (NOT l.handed AND l.case_id < excluded.case_id))
"""

ADD_STEPS = """
    INSERT INTO notify.tracked_steps (case_id, version, status, at)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[]) ON CONFLICT DO NOTHING
"""

WITHDRAW = """
    UPDATE notify.tracked_reports r SET withdrawn_at = w.at
      FROM unnest($1::uuid[], $2::timestamptz[]) AS w (report_id, at) WHERE r.report_id = w.report_id
"""

UNMERGE = "UPDATE notify.tracked_reports SET merged = false WHERE report_id = ANY ($1::uuid[])"

FIND = """
    SELECT r.report_id, r.received_at, r.withdrawn_at, r.reachable, r.merged,
           array(SELECT status FROM notify.tracked_steps s WHERE s.case_id = l.case_id ORDER BY version) AS statuses,
           array(SELECT at FROM notify.tracked_steps s WHERE s.case_id = l.case_id ORDER BY version) AS times
      FROM notify.tracked_reports r LEFT JOIN notify.tracked_links l USING (report_id)
     WHERE r.tracking_hash = $1
"""


class NewStep(NamedTuple):
    """A status that a case came to."""

    case_id: UUID
    version: int
    status: str
    at: datetime


class NewReport(NamedTuple):
    """A report that came; `reachable`: its reporter can be told, `merged`: it shares the case of an earlier one."""

    report_id: UUID
    tracking_hash: str
    received_at: datetime
    reachable: bool
    merged: bool


class Tracked(NamedTuple):
    """When a report came, when it was taken back if it was, and the way of its case so far."""

    report_id: UUID
    received_at: datetime
    withdrawn_at: datetime | None
    reachable: bool
    merged: bool
    steps: list[Step]


async def add_reports(tx: Connection, reports: Sequence[NewReport]) -> None:
    """Reports that are there already stay as they are."""
    await tx.execute(ADD_REPORTS, *zip(*reports, strict=True))


async def unmerge(tx: Connection, ids: Sequence[UUID]) -> None:
    """Reports that have a case of their own from now on."""
    await tx.execute(UNMERGE, ids)


async def withdraw(tx: Connection, ids: Sequence[UUID], times: Sequence[datetime]) -> None:
    """Reports that were taken back."""
    await tx.execute(WITHDRAW, ids, times)


async def link(tx: Connection, cases: Mapping[str, Belonging]) -> None:
    """Say which case each report belongs to. Sorted, so that two batches cannot lock each other out."""
    reports = sorted(cases)
    await tx.execute(
        LINK,
        [UUID(report) for report in reports],
        [UUID(cases[report].case_id) for report in reports],
        [cases[report].handed for report in reports],
    )


async def add_steps(tx: Connection, steps: Sequence[NewStep]) -> None:
    """Statuses that cases came to; one that is there already stays as it is."""
    await tx.execute(
        ADD_STEPS,
        [s.case_id for s in steps],
        [s.version for s in steps],
        [s.status for s in steps],
        [s.at for s in steps],
    )


async def find(tx: Connection, tracking_hash: str) -> Tracked | None:
    """The report with this tracking code."""
    row = await tx.fetchrow(FIND, tracking_hash)
    if row is None:
        return None
    steps = [Step(*each) for each in zip(row["statuses"], row["times"], strict=True)]
    return Tracked(row["report_id"], row["received_at"], row["withdrawn_at"], row["reachable"], row["merged"], steps)
