"""Facts of a case as the events that dispatch publishes.

Events are built as dicts and written by orjson, without the contract's models: with four facts a case the models would
take a third of the time that a case may take. `tests/contract` reads every kind of them back with the contract.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from services.dispatch.domain.case import Act, Case, Centre, Fact
from services.dispatch.domain.history import Imported
from shared.bus.event import Event
from shared.contracts import dispatch as contract
from shared.contracts.topics import CASES
from shared.kernel.area import AreaPath
from shared.kernel.ids import uuid7

TYPES: dict[Act, str] = {
    Act.OPEN: contract.CaseOpened.TYPE,
    Act.ACCEPT: contract.CaseAccepted.TYPE,
    Act.AUTO_ACCEPT: contract.CaseAccepted.TYPE,
    Act.DECLINE: contract.CaseDeclined.TYPE,
    Act.REQUEST_VERIFICATION: contract.CaseVerificationRequested.TYPE,
    Act.ANSWER_VERIFICATION: contract.CaseVerified.TYPE,
    Act.FILE: contract.CaseFiled.TYPE,
    Act.AUTO_FILE: contract.CaseFiled.TYPE,
    Act.REFUSE_FILING: contract.CaseFilingRefused.TYPE,
    Act.DISPATCH: contract.CaseDispatched.TYPE,
    Act.AUTO_DISPATCH: contract.CaseDispatched.TYPE,
    Act.TAKE: contract.CaseTaken.TYPE,
    Act.REPORT_HANDLED: contract.CaseHandled.TYPE,
    Act.REQUEST_CHECK: contract.CaseCheckRequested.TYPE,
    Act.ANSWER_CHECK: contract.CaseChecked.TYPE,
    Act.ORDER_REWORK: contract.CaseReworkOrdered.TYPE,
    Act.CLOSE: contract.CaseClosed.TYPE,
    Act.MARK_WARNED: contract.CaseWarned.TYPE,
    Act.MARK_OVERDUE: contract.CaseOverdue.TYPE,
    Act.SEND_BACK: contract.CaseSentBack.TYPE,
    Act.RECALL: contract.CaseRecalled.TYPE,
    Act.PASS_ON: contract.CasePassedOn.TYPE,
    Act.REQUEST_RETURN: contract.CaseReturnRequested.TYPE,
    Act.APPROVE_RETURN: contract.CaseReturned.TYPE,
    Act.REFUSE_RETURN: contract.CaseReturnRefused.TYPE,
    Act.REQUEST_EXTENSION: contract.CaseExtensionRequested.TYPE,
    Act.APPROVE_EXTENSION: contract.CaseExtended.TYPE,
    Act.REFUSE_EXTENSION: contract.CaseExtensionRefused.TYPE,
    Act.REQUEST_SUSPENSION: contract.CaseSuspensionRequested.TYPE,
    Act.APPROVE_SUSPENSION: contract.CaseSuspended.TYPE,
    Act.REFUSE_SUSPENSION: contract.CaseSuspensionRefused.TYPE,
    Act.WITHDRAW_REQUEST: contract.CaseRequestWithdrawn.TYPE,
    Act.RESUME: contract.CaseResumed.TYPE,
    Act.RESUME_ON_DATE: contract.CaseResumed.TYPE,
    Act.URGE: contract.CaseUrged.TYPE,
    Act.REPLY_URGING: contract.CaseUrgingReplied.TYPE,
    Act.COORDINATE: contract.CaseCoordinated.TYPE,
    Act.REPORT_PART: contract.CasePartReported.TYPE,
    Act.SUMMON: contract.CaseSummoned.TYPE,
    Act.ANSWER_SUMMONS: contract.CaseSummonsAnswered.TYPE,
    Act.MARK_UNANSWERED: contract.CaseUnanswered.TYPE,
    Act.ESCALATE: contract.CaseEscalated.TYPE,
    Act.REASSIGN_TASK: contract.CaseTaskReassigned.TYPE,
    Act.SELF_HANDLE: contract.CaseSelfHandled.TYPE,
    Act.SPOT_CHECK: contract.CaseSpotChecked.TYPE,
    Act.CORRECT: contract.CaseCorrected.TYPE,
    Act.MERGE: contract.CaseMerged.TYPE,
    Act.ABSORB: contract.CaseAbsorbed.TYPE,
    Act.ADD_REPORT: contract.CaseReportAdded.TYPE,
    Act.REMOVE_REPORT: contract.CaseReportRemoved.TYPE,
    Act.VOID: contract.CaseVoided.TYPE,
    Act.FORCE_CLOSE: contract.CaseClosed.TYPE,
    Act.REOPEN: contract.CaseReopened.TYPE,
    Act.APPEAL: contract.CaseAppealed.TYPE,
    Act.REVIEW_APPEAL: contract.CaseAppealReviewed.TYPE,
    Act.DECIDE_APPEAL: contract.CaseAppealDecided.TYPE,
    Act.AUTO_ESCALATE: contract.CaseEscalated.TYPE,
    Act.RECOMPUTE: contract.CaseRecomputed.TYPE,
    Act.IMPORT: contract.CaseImported.TYPE,
    Act.WITHDRAW: contract.CaseVoided.TYPE,
    Act.NOTE_WITHDRAWAL: contract.CaseNoted.TYPE,
    Act.NOTE_ADDITION: contract.CaseNoted.TYPE,
}

# Plain texts: to write an enumeration's member takes orjson five times as long.
_IMPORT, _SYSTEM = Act.IMPORT.value, Centre.SYSTEM.value


def events_of(cases: Iterable[Case], traceparents: Iterable[str | None] | None = None) -> list[Event]:
    """The events of the facts that `cases` carry, in order; `traceparents` has one for each case, where known."""
    traces = iter(traceparents) if traceparents is not None else None
    events = []
    for case in cases:
        trace = next(traces) if traces is not None else None
        events += [_event(case, fact, area, trace) for fact, area in _placed(case)]
    return events


def _placed(case: Case) -> Iterable[tuple[Fact, AreaPath]]:
    """Each fact with the area that the case lay in after it: a correction may have moved it since."""
    if not any(fact.moved_from is not None for fact in case.facts):
        return ((fact, case.area) for fact in case.facts)
    placed: list[tuple[Fact, AreaPath]] = []
    area = case.area
    for fact in reversed(case.facts):
        placed.append((fact, area))
        area = fact.moved_from if fact.moved_from is not None else area
    return placed[::-1]


def _event(case: Case, fact: Fact, area: AreaPath, traceparent: str | None) -> Event:
    return Event(
        topic=CASES.name,
        key=case.born_in,
        id=uuid7(),
        type=TYPES[fact.act],
        subject=case.id,
        sequence=fact.version,
        routing_key=area,
        routing_key_from=fact.moved_from,
        at=fact.at,
        data=orjson.dumps(_data(case, fact, area)),
        traceparent=traceparent,
    )


def _data(case: Case, fact: Fact, area: AreaPath) -> dict[str, Any]:
    data: dict[str, Any] = {
        "case_id": case.id,
        "number": case.number,
        "version": fact.version,
        "revision": fact.revision,
        "act": fact.act,
        "at": fact.at,
        "actor": fact.actor.subject,
        "centre": fact.actor.centre,
        "post": fact.actor.post,
        "from_status": fact.from_status,
        "status": fact.status,
        "routing_key": area,
        "category": case.category,
        "condition": fact.condition,
        "unit": fact.unit,
        "due_at": fact.due_at,
        "overdue": fact.overdue,
        "reports": case.reports,
        "opinion": fact.opinion,
        "evidence": fact.evidence,
        "clock": fact.clock,
    }
    if fact.act is Act.OPEN:
        data |= {
            "source": case.source,
            "description": case.description,
            "location": case.place,
            "opened_at": case.opened_at,
            "occurred_at": case.occurred_at,
            "attributes": case.attributes,
            "media": case.media,
        }
    data.update(fact.details)
    return data


def told_of(case: Imported) -> dict[str, Any]:
    """What the old system told of the case: its system and number, its steps, how often what happened."""
    told = case.told
    return {
        "system": told.system,
        "old_number": told.number,
        "steps": [_step(*step) for step in case.steps],
        "first_unit": told.first_unit,
        "rework": told.rework,
        "suspended": told.suspended,
        "evidence_refused": told.evidence_refused,
    }


def _step(act: str, at: datetime, by: str | None, post: str | None, on_time: bool | None) -> dict[str, Any]:
    """What is not known is left out: ten steps a case, and most of what could be said of them nobody said."""
    step: dict[str, Any] = {"act": act, "at": at}
    if by is not None:
        step["actor"] = by
    if post is not None:
        step["post"] = post
    if on_time is not None:
        step["on_time"] = on_time
    return step


def imported_event(case: Imported, told: bytes) -> Event:
    """The one fact of a case of an old system; `told` is the JSON of `told_of`, which the timeline keeps as well.

    The event bears the case's id, which is always the same: it has only one of its kind.
    """
    at, area = case.ended_at, case.told.area
    data = {
        "case_id": case.id,
        "number": case.number,
        "version": 1,
        "revision": 1,
        "act": _IMPORT,
        "at": at,
        "actor": f"history:{case.told.system}",
        "centre": _SYSTEM,
        "post": None,
        "from_status": None,
        "status": case.told.outcome,
        "routing_key": area,
        "category": case.told.category,
        "condition": case.told.condition,
        "unit": case.told.unit,
        "due_at": case.due_at,
        "overdue": case.overdue,
        "reports": (),
        "opinion": None,
        "evidence": (),
        "clock": case.clock,
        "history": True,
        "source": case.told.source,
        "description": case.told.description,
        "location": case.told.place,
        "opened_at": case.opened_at,
        "told": orjson.Fragment(told),
    }
    return Event(
        topic=CASES.name,
        key=area,
        id=case.id,
        type=contract.CaseImported.TYPE,
        subject=case.id,
        sequence=1,
        routing_key=area,
        routing_key_from=None,
        at=at,
        data=orjson.dumps(data),
    )
