"""The oracle against a small world that is in order, and against each way of putting it out of order. No servers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos.book import Answered, Asked, Book, Heard, Poison
from tests.chaos.evidence import CaseRow, Evidence, LogRow, Message, Parked, Step
from tests.chaos.oracle import CASES, REPORTS, check
from tests.chaos.oracle.effects import recount

T0 = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
AREA = "110108.001.001.001"
FACTS = (
    ("open", "opened", "reported", None, 0),
    ("mark_warned", "warned", "reported", "accept", 50),
    ("mark_overdue", "overdue", "reported", "accept", 61),
    ("accept", "accepted", "accepted", None, 70),
)


def well() -> Evidence:
    """Two reports, two cases, the second with the life of FACTS; everybody was told."""
    book = Book(Path("nowhere"))
    e = Evidence(book, T0 + timedelta(seconds=75))
    book.prefixes |= {"city": "110108", "street": "110108.002"}
    for n in (1, 2):
        report, case = f"report-{n}", f"case-{n}"
        steps = FACTS if n == 2 else FACTS[:1]
        book.asked[f"k{n}"] = Asked("/intake/v1/reports", "app", None, None, None)
        book.answered[f"k{n}"].append(Answered(201, report, None, None, None))
        e.reports.add(report)
        e.outcomes.setdefault("intake", {})[f"k{n}"] = {"id": report}
        _publish(e, REPORTS, report, 1, "report.received.v1", {})
        revision = 0
        for version, (act, kind, status, stage, second) in enumerate(steps, start=1):
            revision += not act.startswith("mark")
            actor = "acceptor" if act == "accept" else "system"
            at = T0 + timedelta(seconds=second + (40 if n == 1 else 0))
            step = Step(version, revision, act, at, actor, status, stage)
            before = steps[version - 2][2] if version > 1 else None
            e.timeline.setdefault(case, []).append(step)
            e.facts.append((case, version))
            data: dict[str, object] = {"status": status, "from_status": before}
            _publish(e, CASES, case, version, f"case.{kind}.v1", data)
            if status != before:
                e.tracked.setdefault(case, []).append((version, status))
        e.cases[case] = CaseRow((report,), len(steps), revision, steps[-1][2])
        e.statuses[report] = (case, len(steps), steps[-1][2])
        e.shown[report] = (case, steps[-1][2])
        e.counted[case] = dict.fromkeys(COUNTED, 0) | {"version": len(steps), "report": 1, "operate": int(n == 2)}
    book.asked["a"] = Asked("/dispatch/v1/cases/case-2/accept", "acceptor", "accept", "case-2", 1)
    book.answered["a"].append(Answered(200, "case-2", 2, 4, None))
    e.outcomes["dispatch"] = {"a": {"id": "case-2", "version": 4}}
    e.outbox = {"intake": 0, "dispatch": 0}
    e.ready = {"intake-api-1": True}
    return e


COUNTED = (
    *("operate", "send_verify", "verify", "inst", "dispatch", "through_dispose", "dispose", "rework"),
    *("multi_rework", "send_check", "check", "archive"),
)


def _publish(e: Evidence, topic: str, subject: str, sequence: int, kind: str, data: dict[str, object]) -> None:
    event = f"{subject}/{sequence}"
    e.put.append((event, topic, subject, sequence))
    e.messages.append(Message(topic, 0, len(e.messages), event, kind, subject, sequence, AREA, data))
    e.log.append(LogRow(len(e.log) + 1, event, subject, sequence, AREA, kind))
    heard = Heard(len(e.log), event, subject, sequence, AREA, kind)
    e.book.heard["city"].append(heard)
    e.book.heard["webhook"].append(heard)


def test_a_world_in_order_has_no_findings() -> None:
    assert check(well()) == []


def test_a_case_that_was_returned_waits_to_be_dispatched_again() -> None:
    life = [("filed", "filed"), ("dispatched", "dispatched"), ("returned", "filed"), ("dispatched", "dispatched")]
    facts = [
        Message(CASES, 0, n, f"case/{n}", f"case.{kind}.v1", "case", n, AREA, {"status": status})
        for n, (kind, status) in enumerate(life)
    ]
    assert [recount(facts[:n])["dispatch"] for n in (1, 2, 3, 4)] == [0, 1, 0, 1]


def test_a_fact_published_twice_is_in_order_when_it_is_the_same_fact() -> None:
    e = well()
    e.messages.append(e.messages[2]._replace(offset=99))
    assert check(e) == []


def test_a_report_that_was_merged_is_of_the_other_s_case() -> None:
    e = well()
    e.reports.add("report-3")
    e.merged["report-3"] = "report-1"
    case = e.cases["case-1"]
    e.cases["case-1"] = case._replace(reports=("report-1", "report-3"))
    e.statuses["report-3"] = e.statuses["report-1"]
    e.book.asked["k3"] = Asked("/intake/v1/reports", "app", None, None, None)
    e.book.answered["k3"].append(Answered(201, "report-3", None, None, None))
    e.outcomes["intake"]["k3"] = {"id": "report-3"}
    assert check(e) == []
    e.cases["case-1"] = case
    assert {finding.what for finding in check(e)} == {
        "acknowledged and no case",
        "merged and not in the case of the other",
    }


def report_lost(e: Evidence) -> None:
    e.reports.discard("report-1")


def case_missing(e: Evidence) -> None:
    del e.cases["case-1"]


def case_doubled(e: Evidence) -> None:
    e.cases["case-3"] = e.cases["case-1"]


def merged_and_elsewhere(e: Evidence) -> None:
    e.merged["report-2"] = "report-1"


def together_and_not_merged(e: Evidence) -> None:
    e.cases["case-1"] = e.cases["case-1"]._replace(reports=("report-1", "report-3"))


def key_used_for_two(e: Evidence) -> None:
    e.book.answered["k1"].append(Answered(201, "report-2", None, None, None))


def report_out_of_nothing(e: Evidence) -> None:
    e.reports.add("report-9")


def refused_and_done(e: Evidence) -> None:
    e.book.answered["a"][:] = [Answered(412, None, None, None, "case-changed")]


def asked_by_nobody(e: Evidence) -> None:
    del e.book.asked["a"]
    del e.book.answered["a"]


def acknowledged_and_not_done(e: Evidence) -> None:
    e.timeline["case-2"].pop()


def outbox_not_empty(e: Evidence) -> None:
    e.outbox["intake"] = 1


def event_lost(e: Evidence) -> None:
    e.messages.pop()


def event_made_up(e: Evidence) -> None:
    e.messages.append(Message(CASES, 0, 99, "x", "case.warned.v1", "case-1", 2, AREA, {}))


def logged_twice(e: Evidence) -> None:
    e.log.append(e.log[-1]._replace(position=99))


def not_counted(e: Evidence) -> None:
    e.counted["case-2"] = {**e.counted["case-2"], "operate": 0}


def counted_twice(e: Evidence) -> None:
    e.facts.append(e.facts[-1])
    e.counted["case-2"] = {**e.counted["case-2"], "version": 5}


def versions_swapped(e: Evidence) -> None:
    one, other = (n for n, m in enumerate(e.messages) if m.subject == "case-2" and m.sequence in (2, 3))
    first, second = e.messages[one], e.messages[other]
    e.messages[one] = second._replace(offset=first.offset)
    e.messages[other] = first._replace(offset=second.offset)


def projection_behind(e: Evidence) -> None:
    e.statuses["report-2"] = ("case-2", 3, "reported")


def not_told(e: Evidence) -> None:
    e.book.heard["city"].pop(1)


def told_a_neighbour(e: Evidence) -> None:
    e.book.heard["street"].append(e.book.heard["city"][0])


def told_out_of_order(e: Evidence) -> None:
    e.book.heard["city"].reverse()


def clock_silent(e: Evidence) -> None:
    e.now = T0 + timedelta(seconds=120)


def clock_fired_twice(e: Evidence) -> None:
    e.timeline["case-2"].insert(2, e.timeline["case-2"][1])


def clock_early(e: Evidence) -> None:
    e.timeline["case-2"][1] = e.timeline["case-2"][1]._replace(at=T0 + timedelta(seconds=20))


def lagging(e: Evidence) -> None:
    e.lag["notify", CASES, 3] = 2


def not_ready(e: Evidence) -> None:
    e.ready["intake-api-1"] = False


def parked_without_poison(e: Evidence) -> None:
    e.parked.append(Parked(1, "notify", "notify", CASES, 0, 2, "case-1", 1, "poison"))


def poison_swallowed(e: Evidence) -> None:
    e.book.poison.append(Poison(CASES, 0, 77, "x", 1, "poison"))


def webhook_not_told(e: Evidence) -> None:
    e.book.heard["webhook"].pop()


@pytest.mark.parametrize(
    ("harm", "point"),
    [
        (report_lost, 1),
        (case_missing, 1),
        (case_doubled, 1),
        (merged_and_elsewhere, 1),
        (together_and_not_merged, 1),
        (key_used_for_two, 1),
        (report_out_of_nothing, 2),
        (refused_and_done, 2),
        (asked_by_nobody, 2),
        (acknowledged_and_not_done, 2),
        (outbox_not_empty, 3),
        (event_lost, 3),
        (event_made_up, 3),
        (logged_twice, 3),
        (not_counted, 3),
        (counted_twice, 4),
        (versions_swapped, 4),
        (projection_behind, 4),
        (not_told, 5),
        (told_a_neighbour, 5),
        (told_out_of_order, 5),
        (clock_silent, 6),
        (clock_fired_twice, 6),
        (clock_early, 6),
        (lagging, 7),
        (not_ready, 7),
        (parked_without_poison, 7),
        (poison_swallowed, 7),
        (webhook_not_told, 8),
    ],
)
def test_each_harm_is_seen(harm: Callable[[Evidence], None], point: int) -> None:
    e = well()
    harm(e)
    assert point in {finding.point for finding in check(e)}
