"""The clients of a run: the robot city as load, an app whose reports nobody works on, listeners, a webhook's receiver.

They know the public interfaces alone, and write down in the book what they asked, were answered and heard.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import orjson

from services.city.robots.city import City
from services.city.robots.door import Answer, Door, NoAnswer
from services.city.robots.keys import APP, Keys
from services.city.robots.requests import placed, read_requests, report_of
from services.city.robots.stream import messages
from services.city.robots.wire import Response, Wire
from shared.packs import Pack, load
from tests.chaos.book import Answered, Asked, Book, Heard
from tests.chaos.stack import PACK, SERVICES, Stack
from tests.e2e.split import OneOrigin
from tests.integration.notify.receiver import Received, receiving

PATIENCE = 180.0
LISTENERS = {"city": "110108", "street 1": "110108.001", "street 2": "110108.012", "community": "110108.011.001"}
# Of the reports, as many tell of what the last one told of: most of them are merged with it 重复上报.
AGAIN_SHARE = 0.2
# Of the deliveries that a receiver answers 500 to: it gets them again.
REFUSED_SHARE = 0.005


class Wires(Wire):
    """One wire for each service, chosen by the first segment of the path."""

    def __init__(self, ports: dict[str, int], connections: int) -> None:
        self._wires = {
            name: Wire(f"http://127.0.0.1:{port}", connections=connections, timeout=25.0)
            for name, port in ports.items()
        }

    async def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Response:
        return await self._wires[path.split("/", 2)[1]].send(method, path, headers, body)

    def close(self) -> None:
        for wire in self._wires.values():
            wire.close()


class Witness(Door):
    """A door that writes down what goes through it, and that can be shut: then nothing new is asked."""

    def __init__(self, stack: Stack, book: Book, *, connections: int) -> None:
        super().__init__("http://127.0.0.1", Keys(stack.credentials), connections=1, patience=PATIENCE)
        ports = {name: stack.proxies[name].port for name in SERVICES}
        self._wire = Wires(ports, connections)
        self._client = httpx.AsyncClient(base_url="http://127.0.0.1", transport=OneOrigin(ports), timeout=30.0)
        self._book = book
        self.open = asyncio.Event()
        self.open.set()
        self.under_way = 0

    async def post(self, path: str, who: str, body: Any, *, key: str, revision: int | None = None) -> Answer:
        await self.open.wait()
        act = path.rpartition("/")[2] if path.startswith("/dispatch/v1/cases/") else None
        case = path.split("/")[4] if act else None
        self._book.ask(key, Asked(path, who, act, case, revision))
        self.under_way += 1
        try:
            answer = await super().post(path, who, body, key=key, revision=revision)
        finally:
            self.under_way -= 1
        found = answer.body if isinstance(answer.body, dict) else {}
        known = (found.get("id"), found.get("revision"), found.get("version")) if answer.ok else (None, None, None)
        self._book.answer(key, Answered(answer.status, *known, None if answer.ok else answer.reason))
        return answer


class Load:
    """Reports at `pace` a second while `posting` is set; the robots carry their cases on for as long as it lives."""

    def __init__(self, stack: Stack, book: Book, *, pace: float, workers: int, adopt: bool) -> None:
        self.pack: Pack = load(PACK)
        self.door = Witness(stack, book, connections=workers * 4)
        self.city = City(self.door, self.pack, workers=workers, adopt=adopt)
        self.posting = asyncio.Event()
        self._pace = pace
        requests = read_requests(self.pack.folder / self.pack.demo.requests)
        self._requests = placed(requests, self.pack)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as together:
            tasks = [together.create_task(self.city.work()), together.create_task(self._post(together))]
            yield
            for task in tasks:
                task.cancel()
            self.door.open.set()
        await self.door.aclose()

    async def leave_alone(self, number: int) -> None:
        """Reports whose cases nobody works on: their clocks run out. Of a category whose reports are never merged."""
        category = next(code for code in self.pack.demo.categories.values() if self._alone(code))
        for request in self._requests[:number]:
            body = report_of(request, self.pack) | {"description": "left alone", "category": category}
            with suppress(NoAnswer):
                await self.door.post("/intake/v1/reports", APP, body, key=f"alone-{uuid4()}")

    async def hold(self, seconds: float = PATIENCE + 30) -> bool:
        """Ask nothing new; True when everything asked has been answered."""
        self.posting.clear()
        self.door.open.clear()
        until = time.monotonic() + seconds
        while self.door.under_way and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return self.door.under_way == 0

    def go_on(self) -> None:
        self.door.open.set()
        self.posting.set()

    def _alone(self, category: str) -> bool:
        return self.pack.duplicates is not None and self.pack.duplicates.likeness_of(category) is None

    async def _post(self, together: asyncio.TaskGroup) -> None:
        run = uuid4().int % 1_000_000
        n, posted = 0, 0
        while True:
            await self.posting.wait()
            n += random.random() >= AGAIN_SHARE
            request = self._requests[n % len(self._requests)]
            posted += 1
            together.create_task(self.city.report(request, run + posted))
            await asyncio.sleep(random.expovariate(self._pace))


async def listen(stack: Stack, book: Book, name: str, prefix: str, rng: random.Random) -> None:
    """Follow one part of the city for ever, from the oldest event on, coming back with the last token seen."""
    book.listen(name, prefix)
    secret = stack.credentials.tokens["subscriber"]
    path = "/notify/v1/stream?" + urlencode({"area": prefix})
    client = stack.http
    try:
        while True:
            token = book.last_token(name)
            headers = {"authorization": f"Bearer {secret}", "last-event-id": str(token)}
            with suppress(httpx.TransportError):
                async with client.stream("GET", path, headers=headers, timeout=httpx.Timeout(10, read=40)) as answer:
                    if answer.status_code == 200:
                        async for event, identity, data in messages(answer):
                            if event == "reset":
                                book.resets.append(f"{name} at {token}: {data.decode()}")
                            elif event not in ("cut_off", "message"):
                                book.hear(name, _heard(int(identity), orjson.loads(data)))
            book.reconnects += 1
            await asyncio.sleep(rng.uniform(0.1, 0.6))
    finally:
        await client.aclose()


def _heard(token: int, event: dict[str, Any]) -> Heard:
    return Heard(token, event["id"], event["subject"], int(event["sequence"]), event["routingkey"], event["type"])


@asynccontextmanager
async def hooked(stack: Stack, book: Book, port: int, rng: random.Random) -> AsyncIterator[None]:
    """A webhook for everything, made at the first start; its receiver refuses a share and is asked again."""

    def answers(received: Received) -> int:
        receiver.asked.clear()
        receiver.taken.clear()
        if rng.random() < REFUSED_SHARE:
            return 500
        event = received.event
        book.hear("webhook", _heard(0, event)._replace(id=received.headers["webhook-id"]))
        return 200

    async with receiving(port) as receiver:
        receiver.answers = answers
        marker = stack.folder / "hooked"
        if not marker.exists():
            headers = {
                "authorization": f"Bearer {stack.credentials.tokens['subscriber']}",
                "idempotency-key": f"hook-{port}",
            }
            async with stack.http as client:
                made = await client.post("/notify/v1/webhooks", json={"url": receiver.url}, headers=headers)
            assert made.status_code == 201, made.text
            marker.write_text(made.json()["id"])
        yield


async def until_true(look: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not look():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.05)
    return True
