"""Looking through the lists for what the stream did not tell."""

import asyncio

from services.city.robots.cases import Cases
from services.city.robots.door import Door, NoAnswer
from services.city.robots.keys import APP
from services.city.robots.script import OPEN, Work
from services.city.robots.summary import Summary

DESK = "acceptor"
LOOK_EVERY = 2.0
PAGE = 500
ASKED_AFTER = 200  # reports asked after one by one, at most, in one round


class Lists:
    """A desk that goes through the open cases of `area` when one of ours has not moved for a while."""

    def __init__(self, door: Door, cases: Cases, summary: Summary, *, area: str) -> None:
        self._door, self._cases, self._summary = door, cases, summary
        self._area = area
        self.missed = False  # set by whoever knows that facts may have passed unseen

    async def watch(self) -> None:
        """Look, for ever. Costs nothing while all cases move."""
        while True:
            if self.missed or next(self._cases.stalled(), None) is not None:
                self.missed = False
                try:
                    await self._look()
                except NoAnswer as error:
                    self.missed = True
                    self._summary.errors[f"lists: {error}"] += 1
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self) -> None:
        for status in OPEN:
            await self._look_through(status)
        for work in list(self._cases.stalled())[:ASKED_AFTER]:
            await self._ask_after(work)

    async def _look_through(self, status: str) -> None:
        cursor = ""
        while True:
            path = f"/dispatch/v1/cases?status={status}&limit={PAGE}{cursor}"
            answer = await self._door.get(f"{path}&area={self._area}" if self._area else path, DESK)
            if not answer.ok:
                self._summary.errors[f"lists: {answer.status} {answer.reason}"] += 1
                return
            for case in answer.body["items"]:
                self._cases.find(case)
            if answer.body["next"] is None:
                return
            cursor = f"&cursor={answer.body['next']}"

    async def _ask_after(self, work: Work) -> None:
        """A report whose case is in no list: not opened yet, or ended while nobody listened."""
        if not work.case:
            answer = await self._door.get(f"/intake/v1/reports/{work.report}", APP)
            case = answer.body.get("case_id") if answer.ok else None
            if case is None:
                return
        else:
            case = work.case
        answer = await self._door.get(f"/dispatch/v1/cases/{case}", DESK)
        if not answer.ok:
            return
        if not work.case and answer.body["reports"][0] != work.report:
            self._cases.merged(work)
            return
        self._cases.news(self._cases.know(work, case), answer.body)
