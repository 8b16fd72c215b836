"""A case that an old system closed, as the facts that the same case would have left here.

It is counted by the rules of live facts and no others, so that a score over the past means what it means today. What
the old system did not tell leaves no fact, and so no counter (docs/history.md lists them).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from services.evaluation.domain.case_count import Fact, History, HistoryStep

# Act → kind of fact, and the status after it.
_FACTS = {
    "open": ("opened", "reported"),
    "request_verification": ("verification_requested", "verifying"),
    "answer_verification": ("verified", "reported"),
    "accept": ("accepted", "accepted"),
    "decline": ("declined", "rejected"),
    "file": ("filed", "filed"),
    "refuse_filing": ("filing_refused", "rejected"),
    "dispatch": ("dispatched", "dispatched"),
    "report_handled": ("handled", "handled"),
    "request_check": ("check_requested", "checking"),
    "answer_check": ("checked", "checked"),
    "close": ("closed", "closed"),
    "void": ("voided", "voided"),
}


def steps_of(fact: Fact, history: History) -> Iterator[Fact]:
    """The facts, their versions counted from 1. An act that is not known here leaves none."""
    made = _Made(fact)
    for step in history.steps:
        if step.act not in _FACTS:
            continue
        kind, status = _FACTS[step.act]
        if step.act == "dispatch" and history.first_unit not in (None, fact.unit):
            yield made.fact("dispatched", "dispatched", step, unit=history.first_unit)
            yield made.fact("returned", "filed", step, unit=history.first_unit)
        elif step.act == "report_handled":
            yield from _before_the_last_disposal(made, step, history)
        yield made.fact(kind, status, step)
        if step.act == "dispatch":
            for _ in range(history.suspended):
                yield made.fact("suspended", "suspended", step)
                yield made.fact("resumed", "handling", step)


def _before_the_last_disposal(made: "_Made", step: HistoryStep, history: History) -> Iterator[Fact]:
    for refused in range(history.rework + history.evidence_refused):
        yield made.fact("handled", "handled", step)
        yield made.fact("rework_ordered", "handling", step, after_check=refused < history.rework)


class _Made:
    """Makes the facts of one case."""

    def __init__(self, fact: Fact) -> None:
        self._of = fact
        self._version = 0
        self._unit: str | None = None
        self._due_at: datetime | None = None

    def fact(self, kind: str, status: str, step: HistoryStep, unit: str | None = None, **more: Any) -> Fact:
        of = self._of
        self._version += 1
        if kind == "dispatched":
            self._unit, self._due_at = unit or of.unit, of.due_at
        stage, limit_s, used_s = None, None, None
        if kind == "handled":
            stage, limit_s, used_s = of.stage, of.limit_s, of.used_s
        elif step.on_time is False:
            limit_s, used_s = 0, 1  # late by no matter how much
        return Fact(
            of.case_id,
            self._version,
            kind,
            step.at,
            step.actor,
            step.post,
            status,
            of.routing_key,
            of.category,
            of.number,
            self._unit,
            self._due_at,
            of.source,
            stage,
            limit_s,
            used_s,
            step.on_time if kind == "handled" else None,
            **more,
        )
