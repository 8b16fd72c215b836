"""A case as a caller is shown it."""

from datetime import datetime
from typing import Any

import orjson

from services.dispatch.domain.case import Actor, Case
from services.dispatch.domain.clocks import StageClock
from services.dispatch.domain.lifecycle import acts_now
from services.dispatch.domain.worktime import Calendar, provisional


def case_shown(case: Case, actor: Actor, now: datetime, calendar: Calendar) -> dict[str, Any]:
    """The case at `now`: its running clock computed, and the acts that this actor may do. Absent things are null."""
    return {
        "id": case.id,
        "number": case.number,
        "status": case.status,
        "version": case.version,
        "revision": case.revision,
        "routing_key": case.area,
        "location": case.place,
        "category": case.category,
        "condition": case.condition,
        "description": case.description,
        "source": case.source,
        "media": case.media,
        "unit": case.unit,
        "assisting": case.assisting,
        "reports": case.reports,
        "history": case.history,
        "occurred_at": case.occurred_at,
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "overdue": case.overdue,
        "result": case.result,
        "verified": case.verified,
        "passed": case.passed,
        "clock": _clock_shown(case.running, now, calendar),
        "acts": acts_now(case, actor),
    }


def _clock_shown(clock: StageClock | None, now: datetime, calendar: Calendar) -> dict[str, Any] | None:
    if clock is None or clock.since is None:
        return None
    used = int(clock.used(now, calendar).total_seconds())
    limit = int(clock.limit.total_seconds())
    return {
        "stage": clock.stage,
        "limit_s": limit,
        "used_s": used,
        "left_s": limit - used,
        "due_at": clock.due_at,
        "warned": clock.warned,
        "overdue": clock.overdue,
        "provisional": not clock.continuous and provisional(clock.since, clock.due_at, calendar),
    }


def case_bytes(case: Case, actor: Actor, now: datetime, calendar: Calendar) -> bytes:
    """The same as JSON."""
    return orjson.dumps(case_shown(case, actor, now, calendar))
