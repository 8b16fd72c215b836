"""A notify service with its HTTP side on a real port, and ways to feed and to hear it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn

from services.notify.app import api_jobs, create_app
from services.notify.commands.append_facts import append_cases, append_reports
from services.notify.settings import NotifySettings
from services.notify.wiring import Wired, wire
from shared.auth import POSTS, issue_token
from shared.bus.event import Record
from shared.bus.opening import open_carrier
from shared.jobs import supervise
from shared.postgres import transaction
from tests.integration.notify.feed import Case, report_record
from tests.integration.notify.hear import Heard

SECRET = "a secret of the tests that is long enough"


@dataclass
class Notify:
    """One process' worth of notify: `base` is its address."""

    wired: Wired
    base: str
    stop: asyncio.Event
    done: "asyncio.Task[None]"

    async def append(self, *records: Record) -> None:
        """As the consumer does it: one transaction, then the bell."""
        async with transaction(self.wired.pool) as tx:
            for handler, topic in ((append_reports, "reports"), (append_cases, "cases")):
                mine = [record for record in records if topic in record.topic]
                if mine:
                    await handler(tx, mine)
        self.wired.appended.ring()

    def token(self, post: str = "subscriber", area: str = "", unit: str | None = None, subject: str = "a") -> str:
        assert post in POSTS
        return "Bearer " + issue_token(SECRET, subject=subject, post=post, area=area, unit=unit)

    def client(self, **claims: Any) -> httpx.AsyncClient:
        headers = {"Authorization": self.token(**claims)}
        return httpx.AsyncClient(base_url=self.base, headers=headers, timeout=10, trust_env=False)

    @asynccontextmanager
    async def hear(
        self, area: str | None = None, *, last: str | None = None, types: str | None = None, **claims: Any
    ) -> AsyncIterator[Heard]:
        """An open stream. When it is entered, the client hears everything from here on."""
        params = {k: v for k, v in {"area": area, "types": types}.items() if v is not None}
        headers = {} if last is None else {"Last-Event-ID": last}
        async with (
            self.client(**claims) as client,
            client.stream("GET", "/v1/stream", params=params, headers=headers) as answer,
        ):
            heard = Heard(answer)
            if answer.status_code == 200:
                await heard.opening()
            yield heard


@asynccontextmanager
async def running(dsn: str, **changed: Any) -> AsyncIterator[Notify]:
    settings = NotifySettings(database_url=dsn, environment="test", token_secret=SECRET, **changed)
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        door = socket.socket()
        door.bind(("127.0.0.1", 0))
        app = create_app(wired)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", root_path="", ws="none")
        server = uvicorn.Server(config)
        stop = asyncio.Event()
        working = asyncio.create_task(supervise(api_jobs(wired), stop, drain_seconds=5))
        serving = asyncio.create_task(server._serve([door]))
        while not (server.started and wired.live.started):
            await asyncio.sleep(0.01)
        try:
            yield Notify(wired, f"http://127.0.0.1:{door.getsockname()[1]}", stop, working)
        finally:
            stop.set()
            await working
            server.should_exit = True
            await serving
    await carrier.close()


Running = Callable[..., AbstractAsyncContextManager[Notify]]


@pytest.fixture(scope="session")
async def notify(database: str) -> AsyncIterator[Notify]:
    """A service with the settings it comes with; tests keep to areas of their own."""
    async with running(database) as service:
        yield service


@pytest.fixture
def another(database: str) -> Running:
    """Starts further ones with other settings."""

    def start(dsn: str = database, **changed: Any) -> AbstractAsyncContextManager[Notify]:
        return running(dsn, **changed)

    return start


@pytest.fixture
def area() -> str:
    """A district that no other test uses."""
    return f"t{uuid4().hex[:12]}"


@pytest.fixture
def case(area: str) -> Case:
    """A case in a grid of this test's district."""
    return Case(f"{area}.001.002.003")


def many(area: str, count: int) -> Sequence[Case]:
    return [Case(f"{area}.001.{n:03}.001") for n in range(count)]


__all__ = ["Case", "Heard", "Notify", "Running", "many", "report_record", "running"]
