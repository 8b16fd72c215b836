"""The wide row of one case: what it is, who did what, and its atomic counters (0 or 1, a few of them n).

A vendor's production statistics keep exactly such a row, recomputed at each change; every rate is then
`sum(a) / sum(b)` over a filter. Tuples, because a row is replaced ten thousand times a second, and
`_replace` of one takes a tenth of what `dataclasses.replace` of a frozen dataclass as wide does (5 and 52 µs).
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class HistoryStep(NamedTuple):
    """A step of a case in an old system. `on_time`: None where nobody could say."""

    act: str
    at: datetime
    actor: str | None
    post: str | None
    on_time: bool | None


class History(NamedTuple):
    """What an old system told of a case that it closed; the counts are how often."""

    steps: tuple[HistoryStep, ...]
    first_unit: str | None = None
    rework: int = 0
    suspended: int = 0
    evidence_refused: int = 0


class Fact(NamedTuple):
    """One fact of a case, reduced to what is counted. `kind` is the type without owner and version: `filed`.

    `intime` is about the clock that the act stopped: None when none ran (an automatic act).
    """

    case_id: UUID
    version: int
    kind: str
    at: datetime
    actor: str | None
    post: str | None
    status: str
    routing_key: str
    category: str
    number: str
    unit: str | None = None
    due_at: datetime | None = None
    source: str | None = None
    stage: str | None = None
    limit_s: int | None = None
    used_s: int | None = None
    on_time: bool | None = None
    after_check: bool | None = None
    approved: bool | None = None
    in_time: bool | None = None
    past: History | None = None


class CaseCount(NamedTuple):
    """Field names are the column names. A counter's definition stands in `indicators.COUNTERS`."""

    case_id: UUID
    version: int = 0
    number: str = ""
    status: str = ""
    routing_key: str = ""
    category: str = ""
    source: str = ""
    unit: str | None = None
    first_unit: str | None = None
    rework_unit: str | None = None  # whom a failed check sent the case back to, until that unit reports again
    opened_at: datetime | None = None
    filed_at: datetime | None = None  # the first filing: a case never moves to another period
    dispatched_at: datetime | None = None
    due_at: datetime | None = None
    handled_at: datetime | None = None  # None again while the unit works once more
    suspended_at: datetime | None = None
    closed_at: datetime | None = None
    changed_at: datetime | None = None
    opened_by: str | None = None
    opened_post: str | None = None
    accepted_by: str | None = None
    accepted_post: str | None = None
    verification_requested_by: str | None = None
    verification_requested_post: str | None = None
    verified_by: str | None = None
    verified_post: str | None = None
    filed_by: str | None = None
    filed_post: str | None = None
    dispatched_by: str | None = None
    dispatched_post: str | None = None
    handled_by: str | None = None
    handled_post: str | None = None
    check_requested_by: str | None = None
    check_requested_post: str | None = None
    checked_by: str | None = None
    checked_post: str | None = None
    closed_by: str | None = None
    closed_post: str | None = None
    report: int = 0
    patrol_report: int = 0
    public_report: int = 0
    valid_report: int = 0
    valid_patrol_report: int = 0
    valid_public_report: int = 0
    operate: int = 0
    intime_operate: int = 0
    to_operate: int = 0
    not_operate: int = 0
    send_verify: int = 0
    need_verify: int = 0
    verify: int = 0
    intime_verify: int = 0
    inst: int = 0
    intime_inst: int = 0
    accur_inst: int = 0
    to_inst: int = 0
    not_inst: int = 0
    cancel: int = 0
    need_dispatch: int = 0
    dispatch: int = 0
    intime_dispatch: int = 0
    overtime_dispatch: int = 0
    to_dispatch: int = 0
    accur_dispatch: int = 0
    wrong_dispatch: int = 0
    dispose: int = 0
    intime_dispose: int = 0
    overtime_dispose: int = 0
    to_dispose: int = 0
    through_dispose: int = 0
    dispose_used: int = 0
    dispose_limit: int = 0
    rework: int = 0
    multi_rework: int = 0
    refused_evidence: int = 0
    hang: int = 0
    his_hang: int = 0
    multi_hang: int = 0
    send_check: int = 0
    need_check: int = 0
    check: int = 0
    intime_check: int = 0
    overtime_check: int = 0
    archive: int = 0
    intime_archive: int = 0
    overtime_archive: int = 0
    to_archive: int = 0
    self_handled: int = 0
    postpone: int = 0
    multi_postpone: int = 0
    timeout_exempt: int = 0
    need_supervise: int = 0
    supervise: int = 0
    intime_supervise: int = 0


STEPS = (
    "opened",
    "accepted",
    "verification_requested",
    "verified",
    "filed",
    "dispatched",
    "handled",
    "check_requested",
    "checked",
    "closed",
)
"""The steps whose last doer is remembered, as `<step>_by` and `<step>_post`: what post evaluation 岗位评价 looks at."""
