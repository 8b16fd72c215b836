"""Hear a reporter: what whoever sent a report says afterwards becomes a fact of its case, for the desk to see."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import structlog

from services.dispatch.commands.join_cases import open_cases_of
from services.dispatch.domain.acts import supplemented, withdrawn
from services.dispatch.domain.case import Case
from services.dispatch.outgoing import events_of
from services.dispatch.store import acts
from services.dispatch.wiring import Wired
from shared.postgres import Connection

log = structlog.get_logger()


class Said(NamedTuple):
    """What was said of a report: a `reason` takes it back, else `text` and `media` are added. `case_id` is the case
    that it was known to belong to, `merged_into` the report that it was merged into when it came; None: that of the
    report itself.
    """

    report_id: UUID
    case_id: UUID | None
    merged_into: UUID | None = None
    reason: str | None = None
    text: str | None = None
    media: tuple[UUID, ...] = ()


async def hear_reporter(tx: Connection, wired: Wired, said: Sequence[Said]) -> None:
    """One fact for each of `said`, in their order, in the caller's transaction. What was said of a report without a
    case is noted in the log alone: intake keeps it.
    """
    named = [each.case_id for each in said if each.case_id is not None]
    cases, now = await acts.lock_of_reports(tx, named, [each.report_id for each in said])
    by_id = {case.id: case for case in cases}
    of = {each.report_id: _case_of(each, cases) for each in said}
    if merged := {each.merged_into for each in said if each.merged_into and of[each.report_id] is None}:
        shared = await open_cases_of(tx, merged)
        for each in said:
            if of[each.report_id] is None and each.merged_into in shared:
                case, now = shared[each.merged_into]
                of[each.report_id] = by_id.setdefault(case.id, case).id
    before = dict(by_id)
    for each in said:
        case_id = of[each.report_id]
        if case_id is None or now is None:
            log.warning("a report that was spoken of has no case", report=str(each.report_id))
            continue
        case = by_id[case_id]
        rules = wired.rules.for_area(case.area)
        if each.reason is not None:
            by_id[case.id] = withdrawn(case, each.report_id, each.reason, now, rules)
        else:
            by_id[case.id] = supplemented(case, each.report_id, each.text, each.media, now, rules)
    for case_id, case in by_id.items():
        if case.facts:
            await acts.save(tx, before[case_id], case, events_of([case]), None, wired.audit.current)


def _case_of(said: Said, cases: Sequence[Case]) -> UUID | None:
    """The case that has the report: the one that was named, if it still does, else the youngest."""
    having = [case.id for case in cases if said.report_id in case.reports]
    return said.case_id if said.case_id in having else having[-1] if having else None
