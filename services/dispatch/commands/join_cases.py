"""Duplicates 重复上报 come to the case of the report that they were merged into, and go from it when a desk says so.

Whoever is merged into a report whose case has ended gets a case of its own: the matter is there again.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from services.dispatch.commands.open_cases import Received, open_cases
from services.dispatch.domain.acts import with_reports, without_report
from services.dispatch.domain.case import Case
from services.dispatch.outgoing import events_of
from services.dispatch.store import acts, joining
from services.dispatch.store.joining import Locked
from services.dispatch.wiring import Wired
from shared.postgres import Connection

# Cases that were merged, or reopened, one after the other; further than this nobody looks.
MOST_STEPS = 8


async def join_cases(tx: Connection, wired: Wired, merged: Sequence[Received]) -> None:
    """Each report comes to the case of its `apart_from`, in the caller's transaction: one fact for all that come to a
    case at once. What has no open case to come to is opened as one.
    """
    await wired.routing.ready()
    found = await open_cases_of(tx, {each.apart_from for each in merged if each.apart_from})
    coming: dict[UUID, list[Received]] = defaultdict(list)
    alone = []
    for each in merged:
        into = found.get(each.apart_from) if each.apart_from else None
        if into is None:
            alone.append(each)
        else:
            coming[into.case.id].append(each)
    by_id = {each.case.id: each for each in found.values()}
    for case_id, reports in coming.items():
        case, now = by_id[case_id]
        new = [each.report for each in reports if each.report.id not in case.reports]
        if new:
            await _save(tx, wired, case, with_reports(case, new, now, wired.rules.for_area(case.area)), reports[0])
    if alone:
        await open_cases(tx, wired, alone)


async def leave_cases(tx: Connection, wired: Wired, unmerged: Sequence[Received]) -> None:
    """Each report leaves the case that it shares, if that is still open, and gets one of its own."""
    await wired.routing.ready()
    for each in unmerged:
        assert each.apart_from is not None
        found = (await open_cases_of(tx, {each.apart_from})).get(each.apart_from)
        if found is not None and each.report.id in found.case.reports[1:]:
            case, now = found
            after = without_report(case, each.report.id, now, wired.rules.for_area(case.area))
            await _save(tx, wired, case, after, each)
    await open_cases(tx, wired, unmerged)


async def open_cases_of(tx: Connection, reports: Iterable[UUID]) -> dict[UUID, Locked]:
    """By report: the case that was opened for it, or went on with that one's reports, as long as it is open."""
    found = await joining.lock_of_reports(tx, reports)
    for _ in range(MOST_STEPS):
        onward = {report: _onward(each.case) for report, each in found.items() if each.case.status.terminal}
        if not any(onward.values()):
            break
        cases = await joining.lock_cases(tx, {case for case in onward.values() if case})
        for report, case in onward.items():
            if case in cases:
                found[report] = cases[case]
    return {report: each for report, each in found.items() if not each.case.status.terminal}


def _onward(case: Case) -> UUID | None:
    return case.matters.merged_into or case.matters.reopened_as


async def _save(tx: Connection, wired: Wired, before: Case, case: Case, because_of: Received) -> None:
    events = events_of([case], [because_of.traceparent])
    await acts.save(tx, before, case, events, None, wired.audit.current)
