"""What a reporter says afterwards: who takes it back ends a case that nobody acted on, and is noted on any other."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.dispatch.domain.acts import supplemented, withdrawn
from services.dispatch.domain.case import SYSTEM, Act, Status
from tests.unit.dispatch.cases import RULES, opened, until

REPORT, OTHER, PHOTO = UUID(int=1), UUID(int=5), UUID(int=7)
MINUTE = timedelta(minutes=1)


def test_a_case_that_nobody_acted_on_ends_with_its_only_report() -> None:
    before = opened()
    case = withdrawn(before, REPORT, "看错了", before.opened_at + MINUTE, RULES)
    fact = case.facts[-1]
    assert (case.status, fact.act, fact.actor, fact.opinion) == (Status.VOIDED, Act.WITHDRAW, SYSTEM, "看错了")
    assert fact.details == {"withdrawn": REPORT}
    assert (case.running, case.ended_at) == (None, fact.at)


def test_a_warned_case_ends_as_well_for_a_mark_is_no_act() -> None:
    before = opened()
    clock = before.running
    assert clock is not None
    assert clock.due_at is not None
    case = withdrawn(before, REPORT, "看错了", clock.due_at + MINUTE, RULES)
    assert (case.status, case.facts[-1].act) == (Status.VOIDED, Act.WITHDRAW)
    assert {fact.act for fact in case.facts} >= {Act.MARK_WARNED, Act.MARK_OVERDUE}


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.REPORTED])
def test_a_case_that_somebody_acted_on_goes_on_with_a_note(status: Status) -> None:
    before = until(status)
    case = withdrawn(before, REPORT, "修好了", before.facts[-1].at + MINUTE, RULES)
    assert (case.status, case.revision, case.version) == (status, before.revision, before.version + 1)
    fact = case.facts[-1]
    assert (fact.act, fact.opinion, fact.details) == (Act.NOTE_WITHDRAWAL, "修好了", {"report_id": REPORT})
    assert case.ended_at == before.ended_at


def test_a_case_that_others_reported_too_goes_on() -> None:
    before = replace(opened(), reports=(REPORT, OTHER))
    case = withdrawn(before, REPORT, "看错了", before.opened_at + MINUTE, RULES)
    assert (case.status, case.facts[-1].act) == (Status.REPORTED, Act.NOTE_WITHDRAWAL)


def test_what_is_added_is_the_case_s_from_then_on() -> None:
    before = until(Status.FILED)
    case = supplemented(before, REPORT, "路口北侧", (PHOTO,), before.facts[-1].at + MINUTE, RULES)
    fact = case.facts[-1]
    assert (fact.act, fact.opinion, fact.evidence) == (Act.NOTE_ADDITION, "路口北侧", (PHOTO,))
    assert case.media == (*before.media, PHOTO)
    again = supplemented(case, REPORT, None, (PHOTO,), fact.at + MINUTE, RULES)
    assert again.media == case.media
    assert again.revision == before.revision
