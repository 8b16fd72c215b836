"""The fold: a case's row and its next fact → the row after it.

What a case waits for follows from its status alone (`_WAITING`), so that `need_dispose = dispose + to_dispose` and its
kin hold after every fact. Definitions and their sources: `indicators.COUNTERS`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from services.evaluation.domain.case_count import CaseCount, Fact
from services.evaluation.domain.history import steps_of
from services.evaluation.domain.indicators import STORED

Changes = dict[str, Any]

# Sources of our own people out on the street (监督员上报); every other report is the public's (公众举报), except what
# cameras, sensors and inspections of the house find, which is neither.
PATROL_SOURCES = frozenset({"patrol", "supervisor", "grid_worker", "grid_leader"})
OWN_SOURCES = frozenset({"video", "sensor", "inspection", "assess"})

_WAITING: dict[str, str] = {
    "reported": "to_operate",
    "verifying": "to_operate",
    "accepted": "to_inst",
    "filed": "to_dispatch",
    "dispatched": "to_dispose",
    "handling": "to_dispose",
    "suspended": "hang",
    "handled": "to_archive",
    "checking": "to_archive",
    "checked": "to_archive",
}
_NOT_WAITING: Changes = dict.fromkeys(_WAITING.values(), 0)


def apply(count: CaseCount, fact: Fact) -> CaseCount:
    """The row after `fact`. A version already counted changes nothing; a kind not known here only advances the row.

    Order is the bus's promise (a subject's versions arrive contiguously), so a gap is not looked for here.
    """
    if fact.version <= count.version:
        return count
    if fact.past is not None:
        return fold(CaseCount(fact.case_id), steps_of(fact, fact.past))._replace(version=fact.version)
    changes: Changes = {
        "version": fact.version,
        "number": fact.number,
        "status": fact.status,
        "routing_key": fact.routing_key,
        "category": fact.category,
        "unit": fact.unit,
        "due_at": fact.due_at,
        "changed_at": fact.at,
        **_NOT_WAITING,
    }
    if waiting := _WAITING.get(fact.status):
        changes[waiting] = 1
    if fact.status != count.status:
        _enter(count, fact, changes)
    if rule := _RULES.get(fact.kind):
        rule(count, fact, changes)
    return count._replace(**changes)


def fold(count: CaseCount, facts: Iterable[Fact]) -> CaseCount:
    """`apply`, one fact after the other."""
    for fact in facts:
        count = apply(count, fact)
    return count


def _enter(count: CaseCount, fact: Fact, changes: Changes) -> None:
    """What follows from a status alone, whichever act led there."""
    match fact.status:
        case "suspended":
            changes |= {"suspended_at": fact.at, "his_hang": 1, "multi_hang": count.multi_hang + 1}
        case "voided" if not count.inst:
            # given up while it was not filed: while it waited for acceptance, or for filing
            changes |= {"not_inst": 1} if count.operate else {"not_operate": 1}
        case "voided":
            changes |= {"cancel": 1, "accur_inst": 0}
            changes |= {"valid_report": 0, "valid_patrol_report": 0, "valid_public_report": 0}
        case "filed":
            # also when it comes back from a unit: it is not dispatched until it is dispatched again
            changes |= {"dispatch": 0, "intime_dispatch": 0, "overtime_dispatch": 0}
            changes |= {"accur_dispatch": 0, "wrong_dispatch": 0}
        case "handling":
            # only a rework leads back here from a disposal; the disposal is then no longer one
            changes |= {"handled_at": None, "dispose": 0, "intime_dispose": 0, "overtime_dispose": 0}
    if count.status == "suspended":
        changes["suspended_at"] = None


def _opened(count: CaseCount, fact: Fact, changes: Changes) -> None:
    source = fact.source or ""
    patrol = source in PATROL_SOURCES
    changes |= {"report": 1, "source": source, "opened_at": fact.at, **_done_by("opened", fact)}
    changes |= {"patrol_report": int(patrol), "public_report": int(not patrol and source not in OWN_SOURCES)}


def _accepted(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"operate": 1, "intime_operate": _intime(fact), **_done_by("accepted", fact)}


def _declined(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"not_operate": 1, **_done_by("accepted", fact)}


def _verification_requested(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"send_verify": 1, "need_verify": 1, "verify": 0, "intime_verify": 0}
    changes |= _done_by("verification_requested", fact)


def _verified(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"verify": 1, "intime_verify": _intime(fact), **_done_by("verified", fact)}


def _filed(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"inst": 1, "intime_inst": _intime(fact), "accur_inst": 1, "need_dispatch": 1}
    changes |= {"valid_report": 1, "valid_patrol_report": count.patrol_report}
    changes |= {"valid_public_report": count.public_report, "filed_at": count.filed_at or fact.at}
    changes |= _done_by("filed", fact)


def _filing_refused(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"not_inst": 1, **_done_by("filed", fact)}


def _dispatched(count: CaseCount, fact: Fact, changes: Changes) -> None:
    first = count.first_unit or fact.unit
    intime, accurate = _intime(fact), int(fact.unit == first)
    changes |= {"first_unit": first, "dispatched_at": fact.at, **_done_by("dispatched", fact)}
    changes |= {"dispatch": 1, "intime_dispatch": intime, "overtime_dispatch": 1 - intime}
    changes |= {"accur_dispatch": accurate, "wrong_dispatch": 1 - accurate}
    if fact.unit != count.rework_unit:
        changes["rework_unit"] = None


def _handled(count: CaseCount, fact: Fact, changes: Changes) -> None:
    intime = int(_on_time(fact))
    changes |= {"handled_at": fact.at, "dispose": 1, "intime_dispose": intime, "overtime_dispose": 1 - intime}
    changes |= {"through_dispose": 1, **_done_by("handled", fact)}
    if fact.stage == "handle":
        changes |= {"dispose_used": fact.used_s, "dispose_limit": fact.limit_s}
    if count.rework_unit is not None and count.rework_unit == fact.unit:
        changes |= {"rework": 1, "multi_rework": count.multi_rework + 1, "rework_unit": None}


def _rework_ordered(count: CaseCount, fact: Fact, changes: Changes) -> None:
    if fact.after_check:
        changes["rework_unit"] = fact.unit
    else:
        changes["refused_evidence"] = count.refused_evidence + 1


def _check_requested(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"send_check": 1, "need_check": 1, "check": 0, "intime_check": 0, "overtime_check": 0}
    changes |= _done_by("check_requested", fact)


def _checked(count: CaseCount, fact: Fact, changes: Changes) -> None:
    intime = _intime(fact)
    changes |= {"check": 1, "intime_check": intime, "overtime_check": 1 - intime, **_done_by("checked", fact)}


def _closed(count: CaseCount, fact: Fact, changes: Changes) -> None:
    # A delay of the check does not hurt the unit: closed on time means disposed on time. What was closed without a
    # disposal is no closure of a unit's work and stays out, as a case handled on the spot does.
    changes |= {"closed_at": fact.at, **_done_by("closed", fact)}
    changes |= {"archive": count.dispose, "intime_archive": count.intime_dispose}
    changes |= {"overtime_archive": count.overtime_dispose}


def _recomputed(count: CaseCount, fact: Fact, changes: Changes) -> None:
    # A handling deadline was counted again from a published calendar: a disposal is on time by the deadline that holds.
    if fact.stage == "handle" and count.dispose and count.handled_at is not None and fact.due_at is not None:
        intime = int(count.handled_at <= fact.due_at)
        changes |= {"intime_dispose": intime, "overtime_dispose": 1 - intime, "dispose_used": fact.used_s}


def _done_by(step: str, fact: Fact) -> Changes:
    return {f"{step}_by": fact.actor, f"{step}_post": fact.post}


def _intime(fact: Fact) -> int:
    """The clock this act stopped had not run out; where none ran nobody was late."""
    return int(fact.used_s is None or fact.limit_s is None or fact.used_s <= fact.limit_s)


def _on_time(fact: Fact) -> bool:
    if fact.on_time is not None:
        return fact.on_time
    return fact.due_at is None or fact.at <= fact.due_at


def _sent_back(count: CaseCount, fact: Fact, changes: Changes) -> None:
    """Neither filed nor accepted any more; the month of its first filing stays the case's."""
    if count.status == "filed":
        changes |= {"inst": 0, "intime_inst": 0, "accur_inst": 0, "need_dispatch": 0}
        changes |= {"valid_report": 0, "valid_patrol_report": 0, "valid_public_report": 0}
    else:
        changes |= {"operate": 0, "intime_operate": 0}


def _self_handled(count: CaseCount, fact: Fact, changes: Changes) -> None:
    """Counted apart, and out of every other counter (E)."""
    changes |= dict.fromkeys(STORED, 0)
    changes |= {"self_handled": 1, "closed_at": fact.at}


def _extended(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"postpone": 1, "multi_postpone": count.multi_postpone + 1}


def _urged(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"need_supervise": 1, "supervise": 0, "intime_supervise": 0}


def _urging_replied(count: CaseCount, fact: Fact, changes: Changes) -> None:
    changes |= {"supervise": 1, "intime_supervise": int(bool(fact.in_time))}


def _appeal_decided(count: CaseCount, fact: Fact, changes: Changes) -> None:
    """Exempt cases leave the overdue counters and stay in the totals; the mark on the case stays (Yuncheng)."""
    if fact.approved:
        changes |= {"timeout_exempt": 1, "intime_dispose": count.dispose, "overtime_dispose": 0}
        changes |= {"intime_archive": count.archive, "overtime_archive": 0}


_RULES: dict[str, Callable[[CaseCount, Fact, Changes], None]] = {
    "opened": _opened,
    "accepted": _accepted,
    "declined": _declined,
    "verification_requested": _verification_requested,
    "verified": _verified,
    "filed": _filed,
    "filing_refused": _filing_refused,
    "dispatched": _dispatched,
    "handled": _handled,
    "rework_ordered": _rework_ordered,
    "check_requested": _check_requested,
    "checked": _checked,
    "closed": _closed,
    "sent_back": _sent_back,
    "self_handled": _self_handled,
    "extended": _extended,
    "urged": _urged,
    "urging_replied": _urging_replied,
    "appeal_decided": _appeal_decided,
    "recomputed": _recomputed,
}
