"""A case as a caller is shown it."""

from datetime import datetime
from typing import Any

import orjson

from services.dispatch.domain.case import Actor, Case
from services.dispatch.domain.clocks import StageClock
from services.dispatch.domain.lifecycle import acts_now
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import provisional


def case_shown(case: Case, actor: Actor, now: datetime, rules: Rules) -> dict[str, Any]:
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
        "attributes": case.attributes,
        "media": case.media,
        "unit": case.unit,
        "assisting": case.assisting,
        "reports": case.reports,
        "priority": case.priority,
        "history": case.history,
        "occurred_at": case.occurred_at,
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "overdue": case.overdue,
        "result": case.result,
        "verified": case.verified,
        "passed": case.passed,
        "ended_at": case.ended_at,
        "level": case.level,
        **_open_matters(case),
        "clock": _clock_shown(case.running, now, rules.for_area(case.area)),
        "acts": acts_now(case, actor, rules),
    }


def _open_matters(case: Case) -> dict[str, Any]:
    """What is open beside the status, and what the case has to do with others."""
    matters = case.matters
    return {
        "request": matters.request,
        "extensions": matters.extensions,
        "suspended_until": matters.suspended_until,
        "urgings": matters.urgings,
        "parts": matters.parts,
        "meeting_at": matters.meeting_at,
        "appeal": matters.appeal,
        "exempt": matters.exempt,
        "task": case.task_id,
        "assignee": case.assignee,
        "merged_into": matters.merged_into,
        "reopened_from": matters.reopened_from,
        "reopened_as": matters.reopened_as,
    }


def _clock_shown(clock: StageClock | None, now: datetime, rules: Rules) -> dict[str, Any] | None:
    if clock is None or clock.since is None:
        return None
    calendar = rules.counted_by(clock)
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


def case_bytes(case: Case, actor: Actor, now: datetime, rules: Rules) -> bytes:
    """The same as JSON."""
    return orjson.dumps(case_shown(case, actor, now, rules))
