"""Dispatch on a real database: its routes through ASGI, its consumers with records as the bus hands them over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from services.dispatch.app import create_app
from services.dispatch.commands.carry_on import fold_moves, read_words
from services.dispatch.commands.load_units import load_units
from services.dispatch.consumers import subscriptions
from services.dispatch.settings import DispatchSettings
from services.dispatch.wiring import Wired, wire
from shared import migrations
from shared.auth import issue_token
from shared.bus.event import Record
from shared.bus.opening import open_carrier
from shared.contracts.base import Point
from shared.contracts.intake import ReportReceived
from shared.contracts.topics import REPORTS
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.conftest import new_database

SECRET = "a secret for tests that is long enough"
AUDIT_KEY = "d2FuZ2dlIGF1ZGl0IGtleSBmb3IgdGVzdHMgb25seSE="
GRID = "110108.012.003.017"
# What every answer from the spot brings: where it was given, and a photograph.
ON_THE_SPOT: dict[str, Any] = {
    "location": {"lon": 116.3, "lat": 39.9},
    "evidence": ["0198f2c4-7d31-7c2a-9b5e-4f6a1d2c3b4a"],
}


@dataclass
class City:
    """One wired dispatch service and clients of it, one for each post."""

    wired: Wired
    http: httpx.AsyncClient
    offset: int = field(default=0)

    def token(self, post: str, area: str = "110108", unit: str | None = None, subject: str | None = None) -> str:
        if post == "unit_clerk":
            unit = unit or "drainage"
        return issue_token(SECRET, subject=subject or f"{post}-1", post=post, area=area, unit=unit)

    def headers(self, post: str, **more: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(post, **more)}"}

    def record(self, report_id: UUID | None = None, **fields: Any) -> Record:
        """A report as intake publishes it."""
        report_id = report_id or uuid7()
        grid = fields.pop("routing_key", GRID)
        fact = ReportReceived(
            **{
                "report_id": report_id,
                "category": "01003",
                "description": "雨水井盖破损",
                "location": Point(lon=116.3, lat=39.9),
                "routing_key": grid,
                "received_at": utc_now(),
                "source": "app",
                "tracking_hash": "0" * 64,
                **fields,
            }
        )
        self.offset += 1
        return Record(
            topic=REPORTS.name,
            partition=0,
            offset=self.offset,
            key=grid,
            id=str(uuid7()),
            type=ReportReceived.TYPE,
            source="/wangge/intake",
            subject=str(report_id),
            sequence=1,
            routing_key=grid,
            routing_key_from=None,
            at=utc_now(),
            data=fact.model_dump_json().encode(),
            traceparent=None,
        )

    async def deliver(self, *records: Record) -> None:
        """What the bus does with a batch: the handler, in one transaction."""
        handler = subscriptions(self.wired)[0].topics[REPORTS.name]
        async with transaction(self.wired.pool) as tx:
            await handler(tx, records)

    async def case(self, **fields: Any) -> dict[str, Any]:
        """A fresh case, as an acceptor sees it."""
        record = self.record(**fields)
        await self.deliver(record)
        case_id = await self.wired.pool.fetchval(
            "SELECT id FROM dispatch.cases WHERE report_id = $1", UUID(record.subject)
        )
        return await self.seen(case_id)

    async def seen(self, case_id: object, post: str = "acceptor", **more: Any) -> dict[str, Any]:
        answer = await self.http.get(f"/dispatch/v1/cases/{case_id}", headers=self.headers(post, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def try_act(
        self,
        case: dict[str, Any],
        act: str,
        post: str,
        body: object = None,
        *,
        key: str | None = None,
        revision: int | None = None,
        **more: Any,
    ) -> httpx.Response:
        """An act, whatever comes of it."""
        headers = self.headers(post, **more) | {"If-Match": f'"{revision or case["revision"]}"'}
        if key:
            headers["Idempotency-Key"] = key
        return await self.http.post(f"/dispatch/v1/cases/{case['id']}/{act}", headers=headers, json=body or {})

    async def act(self, case: dict[str, Any], act: str, post: str, body: object = None, **more: Any) -> dict[str, Any]:
        """An act that succeeds: the case after it."""
        answer = await self.try_act(case, act, post, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def until(self, status: str, condition: str = "damaged") -> dict[str, Any]:
        """A fresh case, brought along the straight path to `status`; filed on `condition`, which sets its limit."""
        case = await self.case()
        for act, post, body in PATH:
            if case["status"] == status:
                break
            case = await self.act(case, act, post, body | ({"condition": condition} if act == "file" else {}))
        assert case["status"] == status
        return case

    async def outbox(self, case_id: object) -> list[dict[str, Any]]:
        rows = await self.wired.pool.fetch("SELECT * FROM dispatch.outbox WHERE subject = $1 ORDER BY id", str(case_id))
        return [dict(row) for row in rows]


PATH: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("accept", "acceptor", {}),
    ("file", "shift_leader", {"condition": "damaged"}),
    ("dispatch", "dispatcher", {"unit": "drainage"}),
    ("take", "unit_clerk", {}),
    ("report_handled", "unit_clerk", {"result": "replaced the cover"}),
    ("request_check", "acceptor", {}),
    ("answer_check", "supervisor", {"passed": True, **ON_THE_SPOT}),
    ("close", "shift_leader", {}),
)


async def _city(dsn: str, pack: str) -> AsyncIterator[City]:
    settings = DispatchSettings(
        environment="test",
        database_url=dsn,
        pack=pack,
        token_secret=SecretStr(SECRET),
        carrier="embedded",
        audit_key=SecretStr(AUDIT_KEY),
    )
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        await load_units(wired)
        app = Starlette(routes=[Mount("/dispatch", create_app(wired))])
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as http:
            yield City(wired, http)
    await carrier.close()


@pytest.fixture
async def city(database: str) -> AsyncIterator[City]:
    """Pack haidian: every act is a person's."""
    async for city in _city(database, "haidian"):
        yield city


@pytest.fixture
async def new_york(database: str) -> AsyncIterator[City]:
    """Pack nyc-311: accepted, filed and dispatched by the system."""
    async for city in _city(database, "nyc-311"):
        yield city


async def own_database_city(server: str) -> AsyncIterator[City]:
    """A city of pack haidian on a database that nobody else uses."""
    dsn = await new_database(server)
    await asyncio.to_thread(migrations.migrate, dsn)
    async for city in _city(dsn, "haidian"):
        yield city


@pytest.fixture(scope="module")
async def own_city(postgres_dsn: str) -> AsyncIterator[City]:
    """The same as `city`, with nobody but the tests of one module on its database."""
    async for city in own_database_city(postgres_dsn):
        yield city


@pytest.fixture
async def fresh_city(postgres_dsn: str) -> AsyncIterator[City]:
    """The same for one test alone."""
    async for city in own_database_city(postgres_dsn):
        yield city


def street() -> str:
    """A street of one test's own."""
    return f"110108.{uuid7().hex[-12:]}"


async def carried_on(city: City) -> None:
    """What workers do with the notes of new and changed cases, done."""
    while await fold_moves(city.wired) or await read_words(city.wired):
        pass


async def eventually(check: Callable[[], Any], seconds: float = 5.0) -> Any:
    """The first true answer of `check`, awaited again and again."""
    async with asyncio.timeout(seconds):
        while not (found := await check()):
            await asyncio.sleep(0.02)
    return found
