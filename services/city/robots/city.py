"""The robots at work: they hear of their cases on the live stream, and now and then look through the lists."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from uuid import uuid4

from services.city.robots.door import Answer, Door, NoAnswer
from services.city.robots.picture import PICTURE
from services.city.robots.requests import MARK, Request, report_of
from services.city.robots.script import ENDED, OPEN, Deed, Work, next_deed
from services.city.robots.stream import Fact, follow
from services.city.robots.summary import Summary
from shared.packs import Pack

# Facts that change what may be done next. Marks of a clock (warned, overdue) change nothing.
TYPES = tuple(
    f"case.{what}.v1"
    for what in (
        *("opened", "accepted", "declined", "verification_requested", "verified", "filed", "filing_refused"),
        *("dispatched", "taken", "handled", "check_requested", "checked", "rework_ordered", "closed", "voided"),
    )
)
STALLED_AFTER = 5.0  # seconds without news of a case before the lists are looked through for it
LOOK_EVERY = 2.0
PAGE = 500
GIVE_UP_AFTER = 5  # refusals of one case that cannot be explained by somebody else having been quicker


class Credentials(Protocol):
    """`app`: an API key. `tokens`: post → token. `units`: unit code → token."""

    @property
    def app(self) -> str: ...
    @property
    def tokens(self) -> Mapping[str, str]: ...
    @property
    def units(self) -> Mapping[str, str]: ...


class City:
    """Desks, units and workers of one city. They act only on cases of reports that were posted through `report`."""

    def __init__(self, door: Door, credentials: Credentials, pack: Pack, *, workers: int, adopt: bool = False) -> None:
        self.summary = Summary()
        self.connected = asyncio.Event()
        self._door, self._credentials, self._pack = door, credentials, pack
        self._workers, self._adopt = workers, adopt
        self._run = uuid4().hex[:12]  # tells the Idempotency-Keys of this run from those of an earlier one
        self._by_report: dict[str, Work] = {}
        self._by_case: dict[str, Work] = {}
        self._early: dict[str, Fact] = {}  # opened cases whose report's answer has not been read yet
        self._due: asyncio.Queue[Work] = asyncio.Queue()
        self._in_flight = 0
        self._pictures: dict[str, asyncio.Task[str | None]] = {}
        self._missed = adopt
        # Statuses that the system leaves by itself in this pack; robots see to them only when it did not.
        automatic = pack.automatic
        steps = {"reported": automatic.accept, "accepted": automatic.file, "filed": automatic.dispatch}
        self._left_to_system = frozenset(status for status, left in steps.items() if left)

    @property
    def underway(self) -> int:
        """Reports whose story is not over yet."""
        return len(self._by_report)

    async def work(self) -> None:
        """Follow the stream and act, for ever."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self._listen(), name="robots: stream")
            together.create_task(self._look(), name="robots: lists")
            for n in range(self._workers):
                together.create_task(self._act(), name=f"robots: worker {n}")

    async def report(self, request: Request, round_: int = 0) -> None:
        """Post one request as an app does; what becomes of it is then carried on by the others."""
        body = report_of(request, self._pack)
        key = f"robots-{self._run}-{round_}-{request.key}"
        self.summary.posted += 1
        self._in_flight += 1
        try:
            answer = await self._door.post("/intake/v1/reports", self._credentials.app, body, key=key)
            self._posted(request, body["category"], answer)
        except NoAnswer as error:
            self.summary.errors[f"report: {error}"] += 1
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._early.clear()

    def _posted(self, request: Request, category: str, answer: Answer) -> None:
        if not answer.ok:
            self.summary.refused[answer.reason] += 1
            return
        self.summary.accepted += 1
        if answer.body.get("merged_into"):
            self.summary.merged += 1
            return
        work = Work(request.key, category, request.place, answer.body["id"], area=answer.body["routing_key"])
        work.moved_at = time.monotonic()
        self._by_report[work.report] = work
        if (opened := self._early.pop(work.report, None)) is not None:
            self._hear(opened)

    # The stream

    async def _listen(self) -> None:
        token, area = self._credentials.tokens["subscriber"], self._pack.area
        async for fact in follow(
            self._door, token, area, TYPES, on_connect=self._on_connect, on_refusal=self._on_refusal
        ):
            self._hear(fact)

    def _on_connect(self, resumed: bool) -> None:
        self.summary.reconnects += self.connected.is_set()
        self._missed = self._missed or (self.connected.is_set() and not resumed)
        self.connected.set()

    def _on_refusal(self, status: int) -> None:
        self.summary.errors[f"stream: {status}"] += 1

    def _hear(self, fact: Fact) -> None:
        work = self._by_case.get(fact["case_id"])
        if work is None:
            if fact["type"] != "case.opened.v1":
                return
            works = [self._by_report[report] for report in fact["reports"] if report in self._by_report]
            if not works:
                if self._in_flight:
                    self._early |= dict.fromkeys(fact["reports"], fact)
                return
            work = works[0]
            work.case = fact["case_id"]
            self._by_case[work.case] = work
        if fact["type"] == "case.verified.v1":
            work.verified = True
        elif fact["type"] == "case.checked.v1":
            work.passed = fact["passed"]
        self._news(work, fact, fact["status"] not in self._left_to_system)

    def _news(self, work: Work, state: Mapping[str, Any], act: bool = True) -> None:
        """Take over where a case stands, from a fact or from the case itself, unless it is old news; then act on it."""
        if state["revision"] <= work.revision:
            return
        if work.status == "checking" and state["status"] == "checked":
            work.checks += 1
        work.status, work.revision = state["status"], state["revision"]
        work.area, work.unit = state["routing_key"], state["unit"]
        work.moved_at = time.monotonic()
        if work.status in ENDED:
            self.summary.closed += work.status == "closed"
            self.summary.ended_otherwise += work.status != "closed"
            self._forget(work)
        elif act:
            self._put(work)

    def _forget(self, work: Work) -> None:
        self._by_report.pop(work.report, None)
        self._by_case.pop(work.case, None)

    def _put(self, work: Work) -> None:
        work.busy += 1
        self._due.put_nowait(work)

    # The acts

    async def _act(self) -> None:
        while True:
            work = await self._due.get()
            try:
                if work.status not in ENDED and (deed := next_deed(work, self._pack)) is not None:
                    await self._do(work, deed)
            except NoAnswer as error:
                self.summary.errors[f"act: {error}"] += 1
            finally:
                work.busy -= 1
                work.moved_at = time.monotonic()

    async def _do(self, work: Work, deed: Deed) -> None:
        token = self._token(deed)
        body = dict(deed.body)
        if deed.evidence and (picture := await self._picture(token)):
            body["evidence"] = [picture]
        revision = work.revision
        key = f"robots-{self._run}-{work.case}-{revision}-{deed.act}"
        path = f"/dispatch/v1/cases/{work.case}"
        answer = await self._door.post(f"{path}/{deed.act}", token, body, key=key, revision=revision)
        if answer.ok:
            self._count(deed)
        elif answer.status in (404, 409, 412):
            # Somebody was quicker, or the case is not where we thought: look at it, and go on from there.
            case = await self._door.get(path, token)
            if case.ok:
                self._news(work, case.body)
            if work.revision == revision:
                possible = "though it is possible" if case.ok and deed.act in case.body["acts"] else "not possible"
                self._failed(work, f"{deed.act}: {answer.status} {answer.reason}, {possible}")
        else:
            self._failed(work, f"{deed.act}: {answer.status} {answer.reason}")

    def _failed(self, work: Work, what: str) -> None:
        self.summary.errors[what] += 1
        work.failures += 1
        if work.failures == GIVE_UP_AFTER:
            self.summary.given_up += 1
            self._forget(work)

    def _count(self, deed: Deed) -> None:
        self.summary.acts += 1
        self.summary.verified += deed.act == "answer_verification"
        self.summary.rework += deed.act == "order_rework"

    def _token(self, deed: Deed) -> str:
        if deed.unit is not None:
            return self._credentials.units[deed.unit]
        return self._credentials.tokens[deed.post]

    async def _picture(self, token: str) -> str | None:
        """The evidence of whoever holds `token`: one small picture, uploaded once; None if it is not taken."""
        if token not in self._pictures:
            self._pictures[token] = asyncio.create_task(self._upload(token, f"picture-{len(self._pictures)}"))
        return await asyncio.shield(self._pictures[token])

    async def _upload(self, token: str, name: str) -> str | None:
        answer = await self._door.upload(token, "evidence.png", PICTURE, "image/png", key=f"robots-{self._run}-{name}")
        if answer.ok:
            return str(answer.body["id"])
        self.summary.errors[f"media: {answer.status} {answer.reason}"] += 1
        return None

    # The lists

    async def _look(self) -> None:
        """What the stream did not tell: look through the lists when a case has not moved for a while."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if not self._missed and next(self._stalled(), None) is None:
                continue
            try:
                self._missed = False
                for status in OPEN:
                    await self._look_through(status)
                for work in list(self._stalled())[:PAGE]:
                    await self._ask_after(work)
            except NoAnswer as error:
                self._missed = True
                self.summary.errors[f"lists: {error}"] += 1

    def _stalled(self) -> Iterator[Work]:
        limit = time.monotonic() - STALLED_AFTER
        return (work for work in self._by_report.values() if not work.busy and work.moved_at < limit)

    async def _look_through(self, status: str) -> None:
        cursor = ""
        while True:
            path = f"/dispatch/v1/cases?status={status}&area={self._pack.area}&limit={PAGE}{cursor}"
            answer = await self._door.get(path, self._credentials.tokens["acceptor"])
            if not answer.ok:
                self.summary.errors[f"lists: {answer.status} {answer.reason}"] += 1
                return
            for case in answer.body["items"]:
                self._find(case)
            if answer.body["next"] is None:
                return
            cursor = f"&cursor={answer.body['next']}"

    def _find(self, case: Mapping[str, Any]) -> None:
        work = self._by_case.get(case["id"])
        if work is None:
            mine = [self._by_report[report] for report in case["reports"] if report in self._by_report]
            if mine:
                work = mine[0]
            elif self._adopt and (case["description"] or "").endswith(MARK):
                place = case["location"] and (case["location"]["lon"], case["location"]["lat"])
                work = Work(case["number"], case["category"], place, case["reports"][0])
                self._by_report[work.report] = work
            else:
                return
            work.case = case["id"]
            self._by_case[work.case] = work
        if case["revision"] > work.revision:
            self._news(work, case)
        elif not work.busy:
            self._put(work)

    async def _ask_after(self, work: Work) -> None:
        """A report whose case is in no list: not opened yet, or ended while nobody listened."""
        if not work.case:
            answer = await self._door.get(f"/intake/v1/reports/{work.report}", self._credentials.app)
            case = answer.body.get("case_id") if answer.ok else None
            if case is None:
                return
            work.case = case
            self._by_case[case] = work
        answer = await self._door.get(f"/dispatch/v1/cases/{work.case}", self._credentials.tokens["acceptor"])
        if answer.ok:
            self._news(work, answer.body)
