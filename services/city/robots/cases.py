"""What the robots know of their own cases, from the answers of posts, the stream and the lists."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

from services.city.robots.requests import MARK
from services.city.robots.script import ENDED, Work
from services.city.robots.stream import Fact
from services.city.robots.summary import Summary
from shared.packs import Pack

STALLED_AFTER = 5.0  # seconds without news of a case before somebody looks for it
GIVE_UP_AFTER = 5  # refusals of one case that cannot be explained by somebody else having been quicker


class Cases:
    """Reports posted and the cases that became of them; `due` are those on which there is something to do.

    `adopt`: also take on the cases that an earlier run of the robots left open.
    """

    def __init__(self, pack: Pack, summary: Summary, *, adopt: bool) -> None:
        self.due: asyncio.Queue[Work] = asyncio.Queue()
        self.in_flight = 0  # reports posted whose answer has not been read yet
        self._summary, self._adopt = summary, adopt
        self._by_report: dict[str, Work] = {}
        self._by_case: dict[str, Work] = {}
        self._early: dict[str, Fact] = {}  # of reports that became a case, or joined one, before their answer was read
        # Statuses that the system leaves by itself in this pack; robots see to them only when it did not.
        automatic = pack.automatic
        steps = {"reported": automatic.accept, "accepted": automatic.file, "filed": automatic.dispatch}
        self._left_to_system = frozenset(status for status, left in steps.items() if left)

    def __len__(self) -> int:
        return len(self._by_report)

    def add(self, work: Work) -> None:
        """A report was taken in."""
        work.moved_at = time.monotonic()
        self._by_report[work.report] = work
        if (early := self._early.pop(work.report, None)) is not None:
            self.hear(early)

    def answered(self) -> None:
        """An answer to a posted report was read: once none is missing, nothing can come early any more."""
        self.in_flight -= 1
        if not self.in_flight:
            self._early.clear()

    def hear(self, fact: Fact) -> None:
        """A fact from the stream."""
        if fact["type"] == "case.report_added.v1":
            for report in fact["new_reports"]:
                if report in self._by_report:
                    self.merged(self._by_report[report])
                elif self.in_flight:
                    self._early[report] = fact
            return
        work = self._by_case.get(fact["case_id"])
        if work is None:
            if fact["type"] != "case.opened.v1":
                return
            mine = next((r for r in fact["reports"] if r in self._by_report), None)
            if mine is None:
                if self.in_flight:
                    self._early |= dict.fromkeys(fact["reports"], fact)
                return
            work = self.know(self._by_report[mine], fact["case_id"])
        _learn(work, fact)
        self.news(work, fact, fact["status"] not in self._left_to_system)

    def know(self, work: Work, case: str) -> Work:
        """Which case became of a report."""
        work.case = case
        self._by_case[case] = work
        return work

    def merged(self, work: Work) -> None:
        """A report came to a case that another one had opened 重复上报: whoever has that one carries it on."""
        self._summary.merged += 1
        self._forget(work)

    def find(self, case: Mapping[str, Any]) -> None:
        """A case from a list: news of one of ours, or one that waits to be taken up again."""
        mine, *others = case["reports"]
        for report in others:
            if report in self._by_report and self._by_report[report].case != case["id"]:
                self.merged(self._by_report[report])
        work = self._by_case.get(case["id"])
        if work is None:
            if mine not in self._by_report:
                if not self._adopt or not (case["description"] or "").endswith(MARK):
                    return
                place = case["location"] and (case["location"]["lon"], case["location"]["lat"])
                self._by_report[mine] = Work(case["number"], case["category"], place, mine)
            work = self.know(self._by_report[mine], case["id"])
        if case["revision"] > work.revision:
            self.news(work, case)
        elif self._is_stalled(work):
            self._put(work)

    def news(self, work: Work, state: Mapping[str, Any], act: bool = True) -> None:
        """Where a case stands, from a fact or from the case itself, unless it is old news; then `act` on it."""
        if state["revision"] <= work.revision:
            return
        if work.status == "checking" and state["status"] == "checked":
            work.checks += 1
        work.status, work.revision = state["status"], state["revision"]
        work.area, work.unit = state["routing_key"], state["unit"]
        if "request" in state and "urgings" in state:  # the case itself, not a fact
            work.request = state["request"] and state["request"]["kind"]
            work.extended = work.extended or state["extensions"] > 0
            work.urged = bool(state["urgings"])
            work.replied = work.urged and state["urgings"][-1]["replied_at"] is not None
        work.moved_at = time.monotonic()
        if work.status in ENDED:
            self._summary.closed += work.status == "closed"
            self._summary.ended_otherwise += work.status != "closed"
            self._forget(work)
        elif act:
            self._put(work)

    def finished(self, work: Work) -> None:
        """Somebody did what there was to do."""
        work.busy -= 1
        work.moved_at = time.monotonic()

    def failed(self, work: Work, what: str) -> None:
        """An act was refused for no good reason."""
        self._summary.errors[what] += 1
        work.failures += 1
        if work.failures == GIVE_UP_AFTER:
            self._summary.given_up += 1
            self._forget(work)

    def stalled(self) -> Iterator[Work]:
        """Those of which nothing was heard for a while, although nobody is busy with them."""
        return (work for work in self._by_report.values() if self._is_stalled(work))

    @staticmethod
    def _is_stalled(work: Work) -> bool:
        return not work.busy and work.moved_at < time.monotonic() - STALLED_AFTER

    def _put(self, work: Work) -> None:
        work.busy += 1
        self.due.put_nowait(work)

    def _forget(self, work: Work) -> None:
        self._by_report.pop(work.report, None)
        self._by_case.pop(work.case, None)


def _learn(work: Work, fact: Fact) -> None:
    """What a fact tells beside where its case stands."""
    match fact["type"]:
        case "case.verified.v1":
            work.verified = True
        case "case.checked.v1":
            work.passed = fact["passed"]
    if fact["revision"] <= work.revision:
        return  # what was asked for then may have been answered since
    match fact["type"]:
        case "case.return_requested.v1":
            work.request = "return"
        case "case.extension_requested.v1":
            work.request = "extension"
        case "case.returned.v1":
            work.request, work.returned = None, True
        case "case.extended.v1":
            work.request, work.extended = None, True
        case "case.urged.v1":
            work.urged, work.replied = True, False
        case "case.urging_replied.v1":
            work.replied = True
