"""Histories of a case as dispatch would publish them: written out for a test, or walked by hypothesis."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from hypothesis import strategies as st

from services.evaluation.domain.case_count import Fact
from services.evaluation.incoming import KeptFact, read_fact
from shared.kernel.ids import uuid7

START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)

# act → (event, post, status after it). What an act may follow stands in WALK.
ACTS: dict[str, tuple[str, str | None, str]] = {
    "open": ("case.opened.v1", None, "reported"),
    "request_verification": ("case.verification_requested.v1", "acceptor", "verifying"),
    "answer_verification": ("case.verified.v1", "grid_worker", "reported"),
    "accept": ("case.accepted.v1", "acceptor", "accepted"),
    "decline": ("case.declined.v1", "acceptor", "rejected"),
    "file": ("case.filed.v1", "shift_leader", "filed"),
    "refuse_filing": ("case.filing_refused.v1", "shift_leader", "rejected"),
    "dispatch": ("case.dispatched.v1", "dispatcher", "dispatched"),
    "send_back": ("case.sent_back.v1", "shift_leader", ""),
    "self_handle": ("case.self_handled.v1", "grid_worker", "closed"),
    "extend": ("case.extended.v1", "dispatcher", ""),
    "urge": ("case.urged.v1", "dispatcher", ""),
    "reply_urging": ("case.urging_replied.v1", "unit_clerk", ""),
    "decide_appeal": ("case.appeal_decided.v1", "shift_leader", ""),
    "return": ("case.returned.v1", "dispatcher", "filed"),
    "take": ("case.taken.v1", "unit_clerk", "handling"),
    "suspend": ("case.suspended.v1", "dispatcher", "suspended"),
    "resume": ("case.resumed.v1", "dispatcher", "handling"),
    "report_handled": ("case.handled.v1", "unit_clerk", "handled"),
    "request_check": ("case.check_requested.v1", "acceptor", "checking"),
    "pass": ("case.checked.v1", "supervisor", "checked"),
    "fail": ("case.checked.v1", "supervisor", "checked"),
    "order_rework": ("case.rework_ordered.v1", "dispatcher", "handling"),
    "close": ("case.closed.v1", "shift_leader", "closed"),
    "void": ("case.voided.v1", "shift_leader", "voided"),
    "mark_warned": ("case.warned.v1", None, ""),
}
WALK: dict[str, tuple[str, ...]] = {
    "": ("open",),
    "reported": ("request_verification", "accept", "decline", "void", "self_handle"),
    "verifying": ("answer_verification",),
    "accepted": ("file", "refuse_filing", "void", "send_back"),
    "filed": ("dispatch", "void", "send_back"),
    "dispatched": ("take", "return", "report_handled", "mark_warned", "urge", "reply_urging"),
    "handling": ("report_handled", "suspend", "mark_warned", "void", "extend", "urge", "reply_urging"),
    "suspended": ("resume",),
    "handled": ("request_check", "order_rework"),
    "checking": ("pass", "fail"),
    "checked": ("close", "order_rework"),
}
STAGES = {"accept": "accept", "answer_verification": "verify", "file": "file", "dispatch": "dispatch"}
STAGES |= {"report_handled": "handle", "pass": "check", "fail": "check"}


class History:
    """Acts, one after the other, on one case. Each takes its own time, and the clock it stops says what was used."""

    def __init__(self, area: str = "110108.012.003.017", source: str = "app", start: datetime = START) -> None:
        self.case_id: UUID = uuid7()
        self.area = area
        self.source = source
        self.at = start
        self.status = ""
        self.unit: str | None = None
        self.due_at: datetime | None = None
        self.reworked_after_check = False
        self.published: list[tuple[str, bytes]] = []

    def __call__(
        self, act: str, *, after: timedelta = timedelta(minutes=5), unit: str = "sanitation", actor: str = "staff:1",
        used_s: int = 300, limit_s: int = 900, handle_for: timedelta = timedelta(hours=8),
    ) -> "History":  # fmt: skip
        type_, post, status = ACTS[act]
        self.at += after
        if act == "send_back":
            status = {"filed": "accepted", "accepted": "reported"}[self.status]
        from_status, self.status = self.status, status or self.status
        if act == "dispatch":
            self.unit, self.due_at = unit, self.at + handle_for
        fact: dict[str, Any] = {
            "case_id": self.case_id,
            "number": f"HD{self.case_id}",
            "version": len(self.published) + 1,
            "revision": 1,
            "act": act,
            "at": self.at,
            "actor": actor if post else "system",
            "post": post,
            "from_status": from_status or None,
            "status": self.status,
            "routing_key": self.area,
            "category": "06001",
            "unit": self.unit,
            "due_at": self.due_at,
        }
        if act in STAGES:
            fact["clock"] = {"stage": STAGES[act], "limit_s": limit_s, "used_s": used_s}
        if act == "open":
            fact["source"] = self.source
        elif act == "report_handled":
            fact["on_time"] = self.due_at is None or self.at <= self.due_at
        elif act == "reply_urging":
            fact["in_time"] = after < timedelta(hours=1)
        elif act == "decide_appeal":
            fact["approved"] = True
        elif act in ("pass", "fail"):
            fact["passed"] = act == "pass"
        elif act == "order_rework":
            fact["after_check"] = from_status == "checked"
        self.published.append((type_, orjson.dumps(fact)))
        return self

    def acts(self, *names: str) -> "History":
        for name in names:
            self(name)
        return self

    @property
    def kept(self) -> list[KeptFact]:
        return [read_fact(type_, data) for type_, data in self.published]

    @property
    def facts(self) -> list[Fact]:
        return [kept.fact for kept in self.kept]


TO_DISPATCHED = ("open", "accept", "file", "dispatch")
TO_CLOSED = (*TO_DISPATCHED, "take", "report_handled", "request_check", "pass", "close")


@st.composite
def histories(draw: st.DrawFn, area: str = "110108.012.003.017") -> History:
    """A case on any way through the statuses, as far as it came."""
    history = History(area, source=draw(st.sampled_from(["app", "patrol", "video"])))
    for _ in range(draw(st.integers(1, 16))):
        possible = WALK.get(history.status, ())
        if not possible:
            break
        history(
            draw(st.sampled_from(possible)),
            after=timedelta(minutes=draw(st.sampled_from([1, 60, 600]))),
            unit=draw(st.sampled_from(["sanitation", "water"])),
            used_s=draw(st.sampled_from([300, 900, 901])),
        )
    return history
