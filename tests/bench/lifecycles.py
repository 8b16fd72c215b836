"""A whole lifecycle as clients do it: nine requests, each sent when the one before was answered.

A report, then eight acts by those whose acts they are. Sixty-four clients play one lifecycle after the other; when a
round is over each stays where it is in its own, and goes on from there in the next one, so that every round has reports
and acts in the same mixture.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import orjson

from services.city.robots.wire import Wire
from shared.packs import load
from tests.bench.measure import BenchTrouble
from tests.bench.processes import staff

CLIENTS = 64
REQUESTS = 9
PHOTOGRAPH = str(uuid4())
JSON = {"Content-Type": "application/json"}
# What a bare row lives through; the first is the report's.
BARE_ACTS = (
    ("report", "reported"),
    ("accept", "accepted"),
    ("file", "filed"),
    ("dispatch", "dispatched"),
    ("take", "handling"),
    ("report_handled", "handled"),
    ("request_check", "checking"),
    ("answer_check", "checked"),
    ("close", "closed"),
)


class Waiting(NamedTuple):
    """An open case on which nobody has done anything yet."""

    id: UUID
    category: str
    area: str
    lon: float
    lat: float


async def waiting_cases(dsn: str) -> list[Waiting]:
    """All that are in status reported."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT id, category, area, lon, lat FROM dispatch.cases WHERE status = 'reported' ORDER BY id"
        )
    finally:
        await connection.close()
    return [Waiting(*row) for row in rows]


class Clients:
    """`lanes` are the clients: each step of one is a request that was answered. `wires` are closed at the end.

    `waits`: of the last round, the seconds from request to answer.
    """

    def __init__(self, lanes: Sequence[AsyncIterator[None]], *wires: Wire) -> None:
        self._lanes, self._wires = lanes, wires
        self.waits: list[float] = []

    def close(self) -> None:
        for wire in self._wires:
            wire.close()

    async def rate(self, seconds: float) -> float:
        """Requests a second that were answered within `seconds`. Raises BenchTrouble for a refusal or want of cases."""
        self.waits = []
        until = time.monotonic() + seconds
        await asyncio.gather(*(self._play(lane, until) for lane in self._lanes))
        return len(self.waits) / seconds

    async def paced(self, rate: float, seconds: float) -> list[float]:
        """Seconds from when each request was due to its answer, at `rate` of them a second, evenly spread over the
        clients: one that is kept waiting sends its next late, and that one's wait counts from when it was due.
        """
        waits: list[float] = []
        began, step = time.monotonic(), CLIENTS / rate
        await asyncio.gather(
            *(self._pace(lane, began + n / rate, step, began + seconds, waits) for n, lane in enumerate(self._lanes))
        )
        return waits

    async def to_the_end(self) -> None:
        """Play until no case waits any more."""
        await asyncio.gather(*(self._all(lane) for lane in self._lanes))

    async def _play(self, lane: AsyncIterator[None], until: float) -> None:
        while (began := time.monotonic()) < until:
            try:
                await anext(lane)
            except StopAsyncIteration:
                raise BenchTrouble("no case is left to act on: more must be opened before the rounds") from None
            if (now := time.monotonic()) <= until:
                self.waits.append(now - began)

    @staticmethod
    async def _pace(lane: AsyncIterator[None], due: float, step: float, until: float, waits: list[float]) -> None:
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                await anext(lane)
            except StopAsyncIteration:
                raise BenchTrouble("no case is left to act on: more must be opened before the rounds") from None
            waits.append(time.monotonic() - due)
            due += step

    @staticmethod
    async def _all(lane: AsyncIterator[None]) -> None:
        async for _ in lane:
            pass


class OurClients(Clients):
    """Each report to intake's API; each act to dispatch's, with its post's token, the ETag of the answer before it as
    If-Match and, unless `keys` is false, an Idempotency-Key of its own.
    """

    def __init__(
        self,
        intake: str,
        dispatch: str,
        pack: str,
        key: str,
        cases: deque[Waiting],
        reports: Sequence[bytes],
        *,
        keys: bool = True,
    ) -> None:
        self._intake = Wire(intake, connections=CLIENTS)
        self._dispatch = Wire(dispatch, connections=CLIENTS)
        self._pack, self._name = load(pack), pack
        self._app = {"Authorization": f"Bearer {key}"} | JSON
        posts = ("acceptor", "shift_leader", "dispatcher", "supervisor")
        self._staff = {post: staff(post, pack) | JSON for post in posts}
        self._units = {unit: staff("unit_clerk", pack, unit) | JSON for unit in self._pack.units}
        self._cases, self._reports, self._keys = cases, itertools.cycle(reports), keys
        super().__init__([self._lane() for _ in range(CLIENTS)], self._intake, self._dispatch)

    async def _lane(self) -> AsyncIterator[None]:
        while self._cases:
            case = self._cases.popleft()
            headers = self._app | self._key()
            answer = await self._intake.send("POST", "/intake/v1/reports", headers, next(self._reports))
            if answer.status != 201:
                raise BenchTrouble(f"a report was answered {answer.status}: {answer.body[:300].decode()}")
            yield
            etag = '"1"'
            for act, who, body in self._acts(case):
                headers = who | {"If-Match": etag} | self._key()
                path = f"/dispatch/v1/cases/{case.id}/{act}"
                answer = await self._dispatch.send("POST", path, headers, orjson.dumps(body))
                if answer.status != 200:
                    raise BenchTrouble(f"{act} was answered {answer.status}: {answer.body[:300].decode()}")
                etag = answer.headers[b"etag"].decode()
                yield

    def _key(self) -> dict[str, str]:
        return {"Idempotency-Key": str(uuid4())} if self._keys else {}

    def _acts(self, case: Waiting) -> Iterator[tuple[str, dict[str, str], dict[str, Any]]]:
        unit = self._pack.unit_for(case.category, case.area)
        if unit is None:
            raise BenchTrouble(f"no unit answers for {case.category} in {case.area}")
        here = {"location": {"lon": case.lon, "lat": case.lat}}
        condition = self._pack.categories[case.category].conditions[0].key
        clerk = self._units[unit.code]
        yield "accept", self._staff["acceptor"], {}
        yield "file", self._staff["shift_leader"], {"condition": condition}
        yield "dispatch", self._staff["dispatcher"], {"unit": unit.code}
        yield "take", clerk, {}
        yield "report_handled", clerk, {"result": "处置完毕 Handled"}
        yield "request_check", self._staff["acceptor"], {}
        yield "answer_check", self._staff["supervisor"], {"passed": True, "evidence": [PHOTOGRAPH], **here}
        yield "close", self._staff["shift_leader"], {"opinion": "核查通过 Checked and in order"}


class BareClients(Clients):
    """The same nine steps, each a POST to the bare app."""

    def __init__(self, base: str, cases: deque[UUID]) -> None:
        self._wire, self._cases = Wire(base, connections=CLIENTS), cases
        super().__init__([self._lane() for _ in range(CLIENTS)], self._wire)

    async def _lane(self) -> AsyncIterator[None]:
        while self._cases:
            case = self._cases.popleft()
            for act, status in BARE_ACTS:
                body = orjson.dumps({"status": status, "actor": "somebody", "opinion": "核查通过 Checked and in order"})
                answer = await self._wire.send("POST", f"/cases/{case}/{act}", JSON, body)
                if answer.status != 200:
                    raise BenchTrouble(f"the bare app answered {answer.status}: {answer.body[:300].decode()}")
                yield
