"""Who answers for a report: the first asked, until somebody else acts, or the case is at its end."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.first_asked import Answerable, relieved, steps_of

REPORT = UUID(int=7)
SINCE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HELD = {REPORT: Answerable(REPORT, "worker-1", "110108.1", SINCE)}


def fact(act: str, actor: str, centre: str | None, status: str = "accepted", version: int = 2) -> dict[str, Any]:
    at = (SINCE + timedelta(minutes=version)).isoformat()
    told = {"act": act, "actor": actor, "centre": centre, "post": "acceptor", "status": status, "version": version}
    return told | {"at": at, "reports": [str(REPORT)]}


def by(*facts: dict[str, Any]) -> list[Answerable]:
    return relieved(HELD, [step for each in facts for step in steps_of(each)])


def test_another_takes_it_over_by_acting() -> None:
    [done] = by(fact("accept", "desk-1", "supervision"), fact("file", "desk-2", "supervision", version=3))
    assert (done.lapsed_by, done.act, done.post) == ("desk-1", "accept", "acceptor")
    assert done.lapsed_at == SINCE + timedelta(minutes=2)


def test_ones_own_act_and_the_systems_relieve_nobody() -> None:
    assert by(fact("open", "system", "system"), fact("auto_accept", "system", "system")) == []
    assert by(fact("accept", "worker-1", "supervision")) == []
    assert (
        by(fact("accept", "worker-1", "supervision"), fact("take", "clerk", "unit", version=3))[0].lapsed_by == "clerk"
    )


def test_the_end_of_the_case_ends_it_whoever_brought_it_about() -> None:
    [own] = by(fact("self_handle", "worker-1", "on_site", "closed"))
    assert (own.lapsed_by, own.act) == ("worker-1", "self_handle")
    [alone] = by(fact("void", "system", "system", "voided"))
    assert (alone.lapsed_by, alone.post, alone.act) == (None, None, "void")


def test_reports_that_nobody_answers_for_are_left_alone() -> None:
    assert relieved({}, steps_of(fact("accept", "desk-1", "supervision"))) == []
    assert steps_of(fact("accept", "desk-1", "supervision") | {"reports": []}) == []


FACTS = st.lists(
    st.builds(
        fact,
        st.sampled_from(["accept", "file", "mark_warned"]),
        st.sampled_from(["worker-1", "desk-1", "system"]),
        st.sampled_from(["supervision", "system", None]),
        st.sampled_from(["accepted", "closed"]),
        st.integers(2, 9),
    ),
    max_size=6,
)


@given(FACTS, st.integers(0, 6))
def test_it_does_not_matter_how_the_facts_come_in_batches(facts: list[dict[str, Any]], cut: int) -> None:
    whole = by(*facts)
    first = by(*facts[:cut])
    assert whole == (first or by(*facts[cut:]))
