"""Queues say what the act table says."""

from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.case import Act, Post, Status
from services.dispatch.domain.lifecycle import TABLE, acts_now
from services.dispatch.domain.queues import BESIDE, CARRY_ON, OF_POST, REASONS
from services.dispatch.store.queue import page_sql
from tests.unit.dispatch.cases import RULES, actor, do, prepared, until

PERSONS = [post for post in Post if post is not Post.SYSTEM]


@given(st.sampled_from(PERSONS), st.sampled_from(list(Status)))
def test_a_case_waits_for_a_post_exactly_when_it_carries_the_case_on_from_its_status(
    post: Post, status: Status
) -> None:
    steps = (TABLE.get((status, act)) for act in CARRY_ON)
    acts = [step for step in steps if step and post in step.posts and not step.single_desk]
    waits = [reason for reason in OF_POST.get(post, ()) if status in reason.statuses]
    assert bool(acts) == bool(waits)


def test_whoever_may_carry_a_case_on_finds_it_in_the_queue() -> None:
    for status in {status for status, _ in TABLE}:
        case = until(status)
        for post in PERSONS:
            if CARRY_ON & set(acts_now(case, actor(post), RULES)):
                assert any(status in reason.statuses for reason in OF_POST[post])


def test_nothing_waits_in_a_final_status_or_for_the_system() -> None:
    assert not any(status.terminal for reason in REASONS for status in reason.statuses)
    assert Post.SYSTEM not in OF_POST


def test_what_waits_beside_the_status_is_what_the_case_says_and_somebody_has_an_act_for_it() -> None:
    case = do(until(Status.HANDLING), Act.URGE, Post.DISPATCHER)
    case = do(do(case, Act.COORDINATE, Post.DISPATCHER), Act.SUMMON, Post.DISPATCHER)
    case = do(case, Act.REQUEST_RETURN, Post.UNIT_CLERK)
    assert case.matters.asks(ended=False) == ["request", "urging:water", "assist:roads", "summons:light"]
    assert case.matters.asks(ended=True) == []
    known = {reason.ask for reason in BESIDE}
    assert {ask.partition(":")[0] for ask in case.matters.asks(ended=False)} <= known
    for act, ask in ((Act.REVIEW_APPEAL, "appeal_review"), (Act.DECIDE_APPEAL, "appeal_decision")):
        assert prepared(until(Status.CLOSED), act).matters.asks(ended=True) == [ask]
        assert ask in known


def test_a_units_own_reasons_name_the_unit() -> None:
    sql = page_sql(tuple(reason for reason in BESIDE if reason.of_unit))
    assert "'assist:' || $3::text = ANY (c.asks)" in sql
    assert "c.status NOT IN" not in page_sql((next(r for r in BESIDE if r.ended),)), "an appeal waits on a closed case"
