"""A case imported from an old system is counted as the same case is that was closed here."""

from typing import Any
from uuid import UUID

import orjson
from hypothesis import assume, example, given

from services.evaluation.domain.case_count import CaseCount, Fact
from services.evaluation.domain.counting import apply, fold
from services.evaluation.incoming import read_fact
from tests.unit.evaluation.histories import TO_CLOSED, TO_DISPATCHED, History, histories

# Kinds of facts that are steps of an old system's case, by the act that the import calls them.
STEPS = {
    "opened": "open",
    "verification_requested": "request_verification",
    "verified": "answer_verification",
    "accepted": "accept",
    "declined": "decline",
    "filed": "file",
    "filing_refused": "refuse_filing",
    "dispatched": "dispatch",
    "handled": "report_handled",
    "check_requested": "request_check",
    "checked": "answer_check",
    "closed": "close",
    "voided": "void",
}
ENDS = ("closed", "rejected", "voided")


def as_imported(facts: list[Fact]) -> Fact:
    """The one fact that an import of the same case would publish: of each step the last, of the rest how often."""
    last, first = facts[-1], facts[0]
    steps: dict[str, dict[str, Any]] = {}
    for fact in facts:
        if fact.kind in STEPS:
            on_time = fact.on_time
            if on_time is None and fact.used_s is not None and fact.limit_s is not None:
                on_time = fact.used_s <= fact.limit_s
            act = STEPS[fact.kind]
            steps.pop(act, None)  # to its last place in time
            steps[act] = {"act": act, "at": fact.at, "actor": fact.actor, "post": fact.post, "on_time": on_time}
    handled = [fact for fact in facts if fact.kind == "handled"]
    dispatched = [fact for fact in facts if fact.kind == "dispatched"]
    clock = handled[-1] if handled else None
    data = {
        "case_id": last.case_id,
        "version": 1,
        "at": last.at,
        "actor": "history:old",
        "status": last.status,
        "routing_key": last.routing_key,
        "category": last.category,
        "number": last.number,
        "unit": last.unit,
        "due_at": last.due_at,
        "source": first.source,
        "clock": {"stage": clock.stage, "limit_s": clock.limit_s, "used_s": clock.used_s} if clock else None,
        "history": True,
        "told": {
            "system": "old",
            "old_number": last.number,
            "steps": list(steps.values()),
            "first_unit": dispatched[0].unit if dispatched else None,
            "rework": sum(fact.kind == "rework_ordered" and bool(fact.after_check) for fact in facts),
            "suspended": sum(fact.kind == "suspended" for fact in facts),
            "evidence_refused": sum(fact.kind == "rework_ordered" and not fact.after_check for fact in facts),
        },
    }
    return read_fact("case.imported.v1", orjson.dumps(data)).fact


# What a row of an old system has no column for.
UNTOLD = {"sent_back", "self_handled", "extended", "urged", "urging_replied", "appeal_decided"}


def tellable(facts: list[Fact]) -> bool:
    """Whether an old system's row can say all of it. Not: a case that was void while it was being reworked or after a
    unit returned it, and one that changed its unit after its first disposal.
    """
    kinds = [fact.kind for fact in facts]
    if UNTOLD & set(kinds) or (facts[-1].status == "voided" and "filed" not in kinds):
        return False
    if facts[-1].status not in ENDS:
        return False
    if facts[-1].status == "voided":
        return "rework_ordered" not in kinds and "returned" not in kinds
    units = [fact.unit for fact in facts if fact.kind == "dispatched"]
    return "returned" not in kinds or "rework_ordered" not in kinds or len(set(units)) == 1


def counted(facts: list[Fact]) -> CaseCount:
    return fold(CaseCount(facts[0].case_id), facts)


def assert_same(facts: list[Fact]) -> None:
    live = counted(facts)
    imported = apply(CaseCount(facts[0].case_id), as_imported(facts))
    assert imported == live._replace(version=1)


REWORKED = ("report_handled", "request_check", "fail", "order_rework")


@given(histories())
@example(History().acts(*TO_CLOSED))
@example(History().acts("open", "request_verification", "answer_verification", "decline"))
@example(History().acts("open", "accept", "refuse_filing"))
@example(History().acts("open", "accept", "file", "void"))
@example(History().acts(*TO_DISPATCHED, "take", "void"))
@example(History().acts(*TO_DISPATCHED, "return")("dispatch", unit="water").acts(*TO_CLOSED[4:]))
@example(History().acts(*TO_DISPATCHED, "take", "suspend", "resume", *TO_CLOSED[5:]))
@example(History().acts(*TO_DISPATCHED, *REWORKED, *REWORKED, *TO_CLOSED[5:]))
@example(History().acts(*TO_DISPATCHED, "report_handled", "order_rework", *TO_CLOSED[5:]))
@example(History().acts(*TO_DISPATCHED, *REWORKED, "report_handled", "order_rework", *TO_CLOSED[5:]))
def test_every_column_is_that_of_the_live_case(history: History) -> None:
    facts = history.facts
    assume(tellable(facts))
    assert_same(facts)


def test_a_step_that_was_not_told_is_not_counted() -> None:
    facts = History().acts(*TO_CLOSED).facts
    untold = ("accepted", "check_requested", "checked")
    live = counted(facts)
    imported = apply(CaseCount(facts[0].case_id), as_imported([fact for fact in facts if fact.kind not in untold]))
    different = {name for name in CaseCount._fields if getattr(imported, name) != getattr(live, name)}
    assert different == {
        "version", "operate", "intime_operate", "accepted_by", "accepted_post", "send_check", "need_check", "check",
        "intime_check", "check_requested_by", "check_requested_post", "checked_by", "checked_post",
    }  # fmt: skip


def test_a_case_goes_on_from_what_was_imported() -> None:
    facts = History().acts(*TO_CLOSED).facts
    row = apply(CaseCount(facts[0].case_id), as_imported(facts))
    assert apply(row, as_imported(facts)) is row
    later = facts[-1]._replace(version=2, kind="appealed")
    assert apply(row, later) == row._replace(version=2)


def test_an_act_of_a_later_import_is_passed_over() -> None:
    imported = as_imported(History().acts(*TO_CLOSED).facts)
    assert imported.past is not None
    odd = imported.past.steps[0]._replace(act="sing")
    with_it = imported._replace(past=imported.past._replace(steps=(odd, *imported.past.steps)))
    row = CaseCount(UUID(int=1))
    assert apply(row, with_it) == apply(row, imported)
