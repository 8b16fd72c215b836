"""Queues say what the act table says."""

from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.case import Post, Status
from services.dispatch.domain.lifecycle import PERSONAL, TABLE, acts_now
from services.dispatch.domain.queues import OF_POST, REASONS, Reason
from services.dispatch.store.queue import count_sql, page_sql
from tests.unit.dispatch.cases import actor, until

PERSONS = [post for post in Post if post is not Post.SYSTEM]


@given(st.sampled_from(PERSONS), st.sampled_from(list(Status)))
def test_a_case_waits_for_a_post_exactly_when_it_has_an_act_in_its_status(post: Post, status: Status) -> None:
    acts = [act for act in PERSONAL if post in getattr(TABLE.get((status, act)), "posts", ())]
    waits = [reason for reason in OF_POST.get(post, ()) if status in reason.statuses]
    assert bool(acts) == bool(waits)


def test_whoever_may_act_on_a_case_finds_it_in_the_queue() -> None:
    for status in {status for status, _ in TABLE}:
        case = until(status)
        for post in PERSONS:
            if acts_now(case, actor(post)):
                assert any(status in reason.statuses for reason in OF_POST[post])


def test_nothing_waits_in_a_final_status_or_for_the_system() -> None:
    assert not any(status.terminal for reason in REASONS for status in reason.statuses)
    assert Post.SYSTEM not in OF_POST


def test_a_reason_may_be_a_flag_of_the_case() -> None:
    returned = Reason("return_requested", "申请退单", frozenset({Post.DISPATCHER}), flag="return_requested")
    for sql in (page_sql((returned,)), count_sql((returned,))):
        assert "WHERE c.return_requested AND c.status NOT IN" in sql
