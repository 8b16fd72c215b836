"""A fact told to people, and who a case goes to with it."""

import re

import pytest

from services.dispatch.domain.acts import perform
from services.dispatch.domain.case import Act, Case, Fact, Post, Status
from services.dispatch.domain.receiver import receiver_of
from services.dispatch.domain.sentences import SENTENCES, STAGES, UNITS
from services.dispatch.domain.table import MARKS, TABLE
from services.dispatch.domain.telling import Told, tell
from services.dispatch.domain.worktime import Unit
from shared.kernel.errors import Refusal
from tests.unit.dispatch.cases import RULES, STRAIGHT, actor, do, opened, order, prepared, until

NAMES = {"water": ("水务局", "Water Bureau"), "roads": ("道路处", "Roads Office")}


def told(fact: Fact) -> dict[str, str]:
    by = fact.actor
    return tell(
        Told(
            fact.act,
            by.subject,
            by.centre,
            by.post,
            fact.from_status,
            fact.status,
            fact.opinion,
            fact.clock,
            fact.details,
            receiver_of(fact),
        ),
        NAMES,
    )


def last(case: Case) -> dict[str, str]:
    return told(case.facts[-1])


@pytest.mark.parametrize("act", Act)
def test_every_act_has_its_sentence_in_both_languages(act: Act) -> None:
    assert act.value in SENTENCES, f"add a line for {act.value!r} to SENTENCES in domain/sentences.py"
    zh, en = SENTENCES[act.value]
    assert re.search(r"[\u4e00-\u9fff]", zh)
    assert re.search(r"[a-z]", en)
    assert re.search(r"[\u4e00-\u9fff]", en) is None
    for template in (zh, en):
        assert template.count("[") == template.count("]")


def test_filing_says_the_limit_the_way_and_the_time_used() -> None:
    words = last(do(until(Status.ACCEPTED), Act.FILE, Post.SHIFT_LEADER))
    assert words["en"] == (
        "shift_leader-1 (shift leader, supervision) filed the case; handling limit 2 urgent hours. "
        "The case went from accepted to filed, to the command centre. Of 15 min to file, 1 min were used. "
        "Opinion: as seen on the photographs"
    )
    assert words["zh"] == (
        "监督中心值班长（shift_leader-1）立案，处置时限2紧急小时，案卷由“待立案”转为“待派遣”，交指挥中心，"
        "立案时限15分，已用1分。意见：as seen on the photographs"
    )


def test_dispatch_names_the_units() -> None:
    words = last(do(until(Status.FILED), Act.DISPATCH, Post.DISPATCHER, assisting=("roads",), opinion=None))
    assert "dispatched the case to Water Bureau, assisted by Roads Office." in words["en"]
    assert "to Water Bureau. Of" in words["en"]
    assert "派遣至水务局，协办道路处，" in words["zh"]
    assert "Opinion" not in words["en"]


def test_an_answer_says_where_and_when() -> None:
    asked = do(until(Status.REPORTED), Act.REQUEST_VERIFICATION, Post.ACCEPTOR, assignee="worker-7")
    assert "by worker-7" in last(asked)["en"]
    assert "to worker-7 on site" in last(asked)["en"]
    assert "交现场（worker-7）" in last(asked)["zh"]
    words = last(
        do(
            asked,
            Act.ANSWER_VERIFICATION,
            Post.GRID_WORKER,
            by=actor(Post.GRID_WORKER, "worker-7"),
            outcome="not_found",
        )
    )
    assert "answered the verification: place not found." in words["en"]


def test_an_act_that_nobody_wrote_a_sentence_for_is_told_by_its_name() -> None:
    words = tell(
        Told("lend_a_hand", "a-1", "unit", "unit_clerk", "handling", "handling", None, None, {"x": None}, None), {}
    )
    assert words["en"] == "a-1 (unit clerk, unit) did “lend a hand”."
    assert words["zh"] == "处置单位处置单位经办人（a-1）执行“lend_a_hand”。"


def test_a_whole_life_is_told_without_a_hole() -> None:
    case = opened()
    for act, post in STRAIGHT:
        case = do(case, act, post)
    for fact in case.facts:
        words = told(fact)
        assert not re.search(r"[\[\]{}…]|None", words["zh"] + words["en"]), words


def test_every_act_is_told_without_a_hole() -> None:
    for (status, act), step in TABLE.items():
        if act in MARKS:
            continue
        case = prepared(until(status), act)
        try:
            case = perform(case, order(act), actor(step.posts[0]), case.facts[-1].at, RULES)
        except Refusal:  # rows whose guard this regime never meets
            continue
        words = told(case.facts[-1])
        assert not re.search(r"[\[\]{}…]|None", words["zh"] + words["en"]), (act, words)


def test_the_receiver_is_who_has_the_case_next() -> None:
    case = opened()
    for act, post in STRAIGHT:
        case = do(case, act, post, assignee="supervisor-1" if act is Act.REQUEST_CHECK else None)
    assert [receiver_of(fact) for fact in case.facts] == [
        {"centre": "supervision"},
        {"centre": "supervision"},
        {"centre": "command"},
        {"centre": "unit", "unit": "water"},
        {"centre": "unit", "unit": "water"},
        {"centre": "supervision"},
        {"centre": "on_site", "assignee": "supervisor-1"},
        {"centre": "supervision"},
        None,
    ]


def test_every_stage_and_unit_of_time_has_words() -> None:
    assert {unit.value for unit in Unit} == set(UNITS)
    for status in Status:
        clocks = until(status).clocks if status not in (Status.SUSPENDED, Status.VOIDED) else ()
        assert {clock.stage.value for clock in clocks} <= set(STAGES)
