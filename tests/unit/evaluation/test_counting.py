from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.domain.as_of import counters_at
from services.evaluation.domain.case_count import STEPS, CaseCount
from services.evaluation.domain.counting import apply, fold
from services.evaluation.domain.indicators import complete
from tests.unit.evaluation.histories import START, TO_CLOSED, TO_DISPATCHED, History, histories

LATER = timedelta(days=30)
INSTANTS = st.timedeltas(timedelta(0), timedelta(days=200)).map(lambda after: START + after)


def counted(history: History) -> CaseCount:
    return fold(CaseCount(history.case_id), history.facts)


def card(history: History, after: timedelta = LATER) -> dict[str, int]:
    return complete(counters_at(counted(history), START + after))


def ones(history: History, after: timedelta = LATER) -> set[str]:
    return {name for name, n in card(history, after).items() if n and name not in ("dispose_used", "dispose_limit")}


def test_the_straight_path_counts_each_stage_once_and_on_time() -> None:
    assert ones(History().acts(*TO_CLOSED)) == {
        "report", "public_report", "valid_report", "valid_public_report", "operate", "intime_operate", "inst",
        "intime_inst", "accur_inst", "need_dispatch", "dispatch", "intime_dispatch", "accur_dispatch", "need_dispose",
        "dispose", "intime_dispose", "through_dispose", "send_check", "need_check", "check", "intime_check",
        "need_archive", "archive", "intime_archive",
    }  # fmt: skip


def test_a_case_just_opened_waits_for_acceptance() -> None:
    assert ones(History(source="patrol").acts("open")) == {"report", "patrol_report", "to_operate"}


def test_what_a_camera_saw_is_neither_patrol_nor_public() -> None:
    assert ones(History(source="video").acts("open")) == {"report", "to_operate"}


def test_a_declined_and_a_refused_case_leave_all_queues() -> None:
    assert ones(History().acts("open", "decline")) == {"report", "public_report", "not_operate"}
    refused = ones(History().acts("open", "accept", "refuse_filing"))
    assert refused == {"report", "public_report", "operate", "intime_operate", "not_inst"}


def test_an_open_case_turns_overdue_by_the_instant_it_is_looked_at() -> None:
    history = History().acts(*TO_DISPATCHED)
    due = history.due_at
    assert due is not None
    at_due, past_due = due - START, due - START + timedelta(microseconds=1)
    assert {"need_dispose", "to_dispose", "intime_to_dispose"} <= ones(history, at_due)
    assert not {"need_archive", "overtime_to_dispose"} & ones(history, at_due)
    assert {"need_dispose", "to_dispose", "overtime_to_dispose", "need_archive"} <= ones(history, past_due)


def test_a_late_check_does_not_hurt_the_unit() -> None:
    history = History().acts(*TO_DISPATCHED, "report_handled", "request_check")
    history("pass", after=timedelta(days=9), used_s=99_999)("close")
    assert {"overtime_check", "intime_dispose", "intime_archive"} <= ones(history)
    assert "overtime_archive" not in ones(history)


def test_a_late_disposal_closes_late() -> None:
    history = (
        History().acts(*TO_DISPATCHED)("report_handled", after=timedelta(days=9)).acts("request_check", "pass", "close")
    )
    assert {"overtime_dispose", "overtime_archive", "archive", "need_archive"} <= ones(history)
    assert not {"intime_dispose", "intime_archive"} & ones(history)


def test_rework_counts_once_a_case_and_its_times_apart() -> None:
    again = ("report_handled", "request_check", "fail", "order_rework")
    history = History().acts(*TO_DISPATCHED, *again, *again, *again, "report_handled", "request_check", "pass", "close")
    assert (card(history)["rework"], card(history)["multi_rework"]) == (1, 3)


def test_a_rework_that_was_ordered_and_not_done_is_none_yet_and_the_disposal_is_none_any_more() -> None:
    history = History().acts(*TO_DISPATCHED, "report_handled", "request_check", "fail", "order_rework")
    assert card(history)["rework"] == 0
    assert {"to_dispose", "through_dispose"} <= ones(history)
    assert "dispose" not in ones(history)


def test_refused_evidence_is_no_rework() -> None:
    history = History().acts(*TO_DISPATCHED, "report_handled", "order_rework", "report_handled")
    assert (card(history)["rework"], card(history)["refused_evidence"]) == (0, 1)


def test_a_rework_by_another_unit_is_none_of_either() -> None:
    history = History().acts(*TO_DISPATCHED, "report_handled", "request_check", "fail", "order_rework")
    history.status = "dispatched"
    history.acts("return")("dispatch", unit="water").acts("report_handled")
    assert card(history)["rework"] == 0


def test_a_case_returned_and_sent_elsewhere_was_dispatched_wrongly() -> None:
    history = History().acts(*TO_DISPATCHED, "return")
    assert {"to_dispatch", "need_dispatch"} <= ones(history)
    assert not {"dispatch", "need_dispose"} & ones(history)
    history("dispatch", unit="water")
    assert "wrong_dispatch" in ones(history)
    assert "accur_dispatch" not in ones(history)


def test_what_was_handled_on_the_spot_is_counted_apart() -> None:
    assert ones(History(source="patrol").acts("open", "request_verification", "self_handle")) == {"self_handled"}


def test_a_case_sent_back_is_not_filed_any_more_and_keeps_its_month() -> None:
    history = History().acts("open", "accept", "file", "send_back")
    assert ones(history) == {"report", "public_report", "operate", "intime_operate", "to_inst"}
    assert counted(history).filed_at == history.at - timedelta(minutes=5)
    assert "inst" in ones(history.acts("file"))
    assert ones(History().acts("open", "accept", "send_back")) == {"report", "public_report", "to_operate"}


def test_what_is_void_before_filing_was_given_up_where_it_waited() -> None:
    assert ones(History().acts("open", "void")) == {"report", "public_report", "not_operate"}
    assert "not_inst" in ones(History().acts("open", "accept", "void"))


def test_an_approved_appeal_leaves_the_overdue_counters_and_stays_in_the_totals() -> None:
    late = History().acts(*TO_DISPATCHED)("report_handled", after=timedelta(days=9))
    late.acts("request_check", "pass", "close")
    before = card(late)
    after = card(late.acts("decide_appeal"))
    assert (before["overtime_dispose"], before["overtime_archive"]) == (1, 1)
    moved = ("overtime_dispose", "overtime_archive", "intime_dispose", "intime_archive", "timeout_exempt")
    assert [after[name] for name in moved] == [0, 0, 1, 1, 1]
    assert {name for name in after if after[name] != before[name]} == set(moved)


def test_extensions_and_urgings_are_counted() -> None:
    history = History().acts(*TO_DISPATCHED, "take", "extend", "extend", "urge")
    assert (card(history)["postpone"], card(history)["multi_postpone"], card(history)["need_supervise"]) == (1, 2, 1)
    assert "supervise" not in ones(history)
    assert {"supervise", "intime_supervise"} <= ones(history.acts("reply_urging"))
    history("urge")("reply_urging", after=timedelta(hours=2))
    assert (card(history)["supervise"], card(history)["intime_supervise"]) == (1, 0)


def test_a_suspended_case_is_in_no_denominator_of_disposal_or_closing_until_it_resumes() -> None:
    history = History().acts(*TO_DISPATCHED, "take", "suspend")
    assert not {"need_dispose", "to_dispose", "overtime_to_dispose", "need_archive"} & ones(history)
    assert {"hang", "his_hang", "multi_hang"} <= ones(history)
    assert "stock" in ones(history, timedelta(days=61))
    history.acts("resume")
    assert {"need_dispose", "overtime_to_dispose", "need_archive", "his_hang"} <= ones(history)
    assert not {"hang", "stock"} & ones(history, timedelta(days=61))


def test_a_void_case_is_neither_valid_nor_waiting() -> None:
    history = History().acts(*TO_DISPATCHED, "take", "void")
    assert {"cancel", "inst", "report"} <= ones(history)
    assert not {"valid_report", "accur_inst", "need_dispose", "need_archive"} & ones(history)


def test_an_automatic_act_without_a_clock_is_never_late() -> None:
    history = History().acts("open", "accept")
    last = history.facts[-1]._replace(limit_s=None, used_s=None)
    assert apply(counted(history)._replace(version=1), last).intime_operate == 1


def test_a_deadline_counted_again_decides_whether_a_disposal_was_on_time() -> None:
    history = History().acts(*TO_DISPATCHED, "take")("report_handled", after=timedelta(hours=20))
    assert "overtime_dispose" in ones(history)
    row, last = counted(history), history.facts[-1]
    again = last._replace(version=row.version + 1, kind="recomputed", at=last.at + timedelta(hours=1), used_s=60)
    moved = apply(row, again._replace(due_at=last.at))
    assert (moved.intime_dispose, moved.overtime_dispose, moved.dispose_used, moved.due_at) == (1, 0, 60, last.at)
    back = apply(moved, again._replace(version=row.version + 2, due_at=last.at - timedelta(seconds=1)))
    assert (back.intime_dispose, back.overtime_dispose) == (0, 1)
    other = apply(row, again._replace(stage="file", due_at=last.at))
    assert (other.intime_dispose, other.due_at) == (0, last.at), "another stage's clock says nothing of the disposal"


def test_while_a_unit_works_a_deadline_counted_again_is_only_its_new_deadline() -> None:
    history = History().acts(*TO_DISPATCHED, "take")
    row, last = counted(history), history.facts[-1]
    later = last.at + timedelta(days=3)
    again = last._replace(version=row.version + 1, kind="recomputed", stage="handle", due_at=later)
    assert apply(row, again) == row._replace(version=row.version + 1, due_at=later)


def test_an_unknown_kind_only_advances_the_row() -> None:
    history = History().acts("open", "mark_warned")
    before, after = (fold(CaseCount(history.case_id), history.facts[:n]) for n in (1, 2))
    assert after == before._replace(version=2, changed_at=after.changed_at)


def test_a_post_is_remembered_by_its_last_act() -> None:
    row = counted(History().acts(*TO_CLOSED))
    posts = {step: getattr(row, f"{step}_post") for step in STEPS}
    assert posts == {
        "opened": None, "accepted": "acceptor", "verification_requested": None, "verified": None,
        "filed": "shift_leader", "dispatched": "dispatcher", "handled": "unit_clerk", "check_requested": "acceptor",
        "checked": "supervisor", "closed": "shift_leader",
    }  # fmt: skip


@given(histories(), st.lists(st.integers(0, 16), max_size=4))
def test_any_split_into_batches_and_any_redelivery_gives_the_same_row(history: History, cuts: list[int]) -> None:
    whole = fold(CaseCount(history.case_id), history.facts)
    row, begun = CaseCount(history.case_id), 0
    for cut in [*sorted(cuts), len(history.facts)]:
        row = fold(row, history.facts[max(0, begun - 2) : cut])  # two facts come again with each batch
        begun = max(begun, cut)
    assert row == whole


@given(histories(), INSTANTS)
def test_counters_hold_together_at_any_instant(history: History, as_of: object) -> None:
    for until in range(1, len(history.facts) + 1):
        row = fold(CaseCount(history.case_id), history.facts[:until])
        c = complete(counters_at(row, as_of))  # type: ignore[arg-type]
        assert c["intime_archive"] <= c["intime_dispose"] <= c["dispose"] <= c["through_dispose"]
        assert c["archive"] <= c["dispose"]
        assert c["dispose"] == c["intime_dispose"] + c["overtime_dispose"]
        assert c["archive"] == c["intime_archive"] + c["overtime_archive"]
        assert c["to_dispose"] == c["intime_to_dispose"] + c["overtime_to_dispose"]
        assert c["need_dispose"] == c["dispose"] + c["to_dispose"] <= 1
        assert c["need_archive"] == c["dispose"] + c["overtime_to_dispose"] <= 1
        assert c["dispatch"] == c["accur_dispatch"] + c["wrong_dispatch"]
        assert c["need_dispose"] <= c["dispatch"] <= c["need_dispatch"] == c["inst"] == c["accur_inst"] + c["cancel"]
        assert c["check"] <= c["need_check"]
        assert c["rework"] == min(c["multi_rework"], 1)
        waiting = ("to_operate", "to_inst", "to_dispatch", "to_dispose", "hang", "to_archive")
        assert sum(c[name] for name in waiting) <= 1
        if c["hang"]:
            assert c["need_dispose"] == c["need_archive"] == 0
