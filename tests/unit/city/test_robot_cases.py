"""What the robots make of duplicates: one is carried on with the case that it came to, or with its own."""

from typing import Any

import pytest

from services.city.robots.cases import Cases
from services.city.robots.script import Work
from services.city.robots.summary import Summary
from shared.packs import load


@pytest.fixture
def cases() -> Cases:
    return Cases(load("haidian"), Summary(), adopt=False)


def work(report: str) -> Work:
    return Work(report, "01037", None, report)


def fact(kind: str, case: str, reports: list[str], **more: Any) -> dict[str, Any]:
    state = {"status": "reported", "revision": 1, "routing_key": "110108.011", "unit": None}
    return {"type": f"case.{kind}.v1", "case_id": case, "reports": reports, **state, **more}


def test_one_that_came_to_a_case_is_told_of_and_forgotten(cases: Cases) -> None:
    cases.add(work("a"))
    cases.add(work("b"))
    cases.hear(fact("opened", "1", ["a"]))
    cases.hear(fact("report_added", "1", ["a", "b"], new_reports=["b"]))
    assert (len(cases), cases._summary.merged, cases.due.qsize()) == (1, 1, 1)


def test_also_when_the_fact_is_earlier_than_the_answer(cases: Cases) -> None:
    cases.in_flight = 1
    cases.hear(fact("report_added", "1", ["a", "b"], new_reports=["b"]))
    cases.add(work("b"))
    cases.answered()
    assert (len(cases), cases._summary.merged) == (0, 1)


def test_also_when_the_fact_was_missed_and_a_list_tells(cases: Cases) -> None:
    for report in ("a", "b"):
        cases.add(work(report))
    cases.find({"id": "1", "reports": ["a", "b"], "status": "reported", "revision": 1, "routing_key": "", "unit": None})
    assert (len(cases), cases._summary.merged) == (1, 1)


def test_one_whose_matter_had_ended_is_carried_on(cases: Cases) -> None:
    cases.add(work("b"))
    cases.hear(fact("opened", "2", ["b"], apart_from="a"))
    assert (len(cases), cases._summary.merged, cases.due.qsize()) == (1, 0, 1)
