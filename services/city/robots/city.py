"""The robots at work: an app that posts, a listener on the live stream, and workers that act with each post's token."""

import asyncio
from uuid import uuid4

from services.city.robots.cases import Cases
from services.city.robots.door import Answer, Door, NoAnswer
from services.city.robots.keys import APP, clerk
from services.city.robots.lists import Lists
from services.city.robots.picture import PICTURE
from services.city.robots.requests import Request, report_of
from services.city.robots.script import ENDED, Deed, Work, next_deed
from services.city.robots.stream import follow
from services.city.robots.summary import Summary
from shared.packs import Pack

# Facts that change what may be done next. Marks of a clock (warned, overdue) change nothing.
TYPES = tuple(
    f"case.{what}.v1"
    for what in (
        *("opened", "accepted", "declined", "verification_requested", "verified", "filed", "filing_refused"),
        *("dispatched", "taken", "handled", "check_requested", "checked", "rework_ordered", "closed", "voided"),
        *("return_requested", "returned", "extension_requested", "extended", "urged", "urging_replied"),
        "report_added",
    )
)


class City:
    """Desks, units and workers of one city. They act only on cases of reports that were posted through `report`.

    With `adopt` they also finish what an earlier run left open.
    """

    def __init__(self, door: Door, pack: Pack, *, workers: int, adopt: bool = False) -> None:
        self.summary = Summary()
        self.connected = asyncio.Event()
        self.cases = Cases(pack, self.summary, adopt=adopt)
        self._door, self._pack, self._workers = door, pack, workers
        self._run = uuid4().hex[:12]  # tells the Idempotency-Keys of this run from those of an earlier one
        self._pictures: dict[str, asyncio.Task[str | None]] = {}
        self._lists = Lists(door, self.cases, self.summary, area=pack.area)
        self._lists.missed = adopt

    async def work(self) -> None:
        """Follow the stream and act, for ever."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self._listen(), name="robots: stream")
            together.create_task(self._lists.watch(), name="robots: lists")
            for n in range(self._workers):
                together.create_task(self._act(), name=f"robots: worker {n}")

    async def report(self, request: Request, round_: int = 0) -> None:
        """Post one request as an app does; what becomes of it is then carried on by the others."""
        body = report_of(request, self._pack)
        key = f"robots-{self._run}-{round_}-{request.key}"
        self.summary.posted += 1
        self.cases.in_flight += 1
        try:
            answer = await self._door.post("/intake/v1/reports", APP, body, key=key)
            self._posted(request, body["category"], answer)
        except NoAnswer as error:
            self.summary.errors[f"report: {error}"] += 1
        finally:
            self.cases.answered()

    def _posted(self, request: Request, category: str, answer: Answer) -> None:
        if not answer.ok:
            self.summary.refused[answer.reason] += 1
            return
        self.summary.accepted += 1
        report, area = answer.body["id"], answer.body["routing_key"]
        self.cases.add(Work(request.key, category, request.place, report, area=area))

    async def _listen(self) -> None:
        reader = (self._door, "subscriber", self._pack.area, TYPES)
        facts = follow(*reader, on_connect=self._on_connect, on_refusal=self._on_refusal)
        async for fact in facts:
            self.cases.hear(fact)

    def _on_connect(self, resumed: bool) -> None:
        if self.connected.is_set():
            self.summary.reconnects += 1
            self._lists.missed = self._lists.missed or not resumed
        self.connected.set()

    def _on_refusal(self, status: int) -> None:
        self.summary.errors[f"stream: {status}"] += 1

    async def _act(self) -> None:
        while True:
            work = await self.cases.due.get()
            try:
                if work.status not in ENDED and (deed := next_deed(work, self._pack)) is not None:
                    await self._do(work, deed)
            except NoAnswer as error:
                self.summary.errors[f"act: {error}"] += 1
            finally:
                self.cases.finished(work)

    async def _do(self, work: Work, deed: Deed) -> None:
        who = clerk(deed.unit) if deed.unit else deed.post
        body = dict(deed.body)
        if deed.evidence and (picture := await self._picture(who)):
            body["evidence"] = [picture]
        revision = work.revision
        key = f"robots-{self._run}-{work.case}-{revision}-{deed.act}"
        path = f"/dispatch/v1/cases/{work.case}"
        answer = await self._door.post(f"{path}/{deed.act}", who, body, key=key, revision=revision)
        if answer.ok:
            self._count(deed)
            # Known before the case's next news: nobody asks a second time.
            work.did(deed.act)
        elif answer.status in (404, 409, 412):
            # Somebody was quicker, or the case is not where we thought: look at it, and go on from there.
            case = await self._door.get(path, who)
            if case.ok:
                self.cases.news(work, case.body)
            if work.revision == revision:
                possible = "though it is possible" if case.ok and deed.act in case.body["acts"] else "not possible"
                self.cases.failed(work, f"{deed.act}: {answer.status} {answer.reason}, {possible}")
        else:
            self.cases.failed(work, f"{deed.act}: {answer.status} {answer.reason}")

    def _count(self, deed: Deed) -> None:
        self.summary.acts += 1
        self.summary.verified += deed.act == "answer_verification"
        self.summary.rework += deed.act == "order_rework"

    async def _picture(self, who: str) -> str | None:
        """Somebody's evidence: one small picture, uploaded once; None if it is not taken."""
        if who not in self._pictures:
            self._pictures[who] = asyncio.create_task(self._upload(who, f"picture-{len(self._pictures)}"))
        return await asyncio.shield(self._pictures[who])

    async def _upload(self, who: str, name: str) -> str | None:
        answer = await self._door.upload(who, "evidence.png", PICTURE, "image/png", key=f"robots-{self._run}-{name}")
        if answer.ok:
            return str(answer.body["id"])
        self.summary.errors[f"media: {answer.status} {answer.reason}"] += 1
        return None
