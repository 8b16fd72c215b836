"""A running evaluation service on a database of the worker's, and facts handed to it as its consumer would."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from services.evaluation.app import create_app
from services.evaluation.consumers import on_areas, on_cases
from services.evaluation.settings import EvaluationSettings
from services.evaluation.wiring import Wired, wire
from shared.auth import issue_token
from shared.bus.event import Record
from shared.bus.opening import open_carrier
from shared.contracts import topics
from shared.contracts.topics import Topic
from shared.postgres import transaction
from tests.unit.evaluation.histories import History

SECRET = "a secret that is used by nothing but tests of evaluation"


@dataclass
class Evaluation:
    """`area` is a district of this test's own."""

    wired: Wired
    http: httpx.AsyncClient
    area: str

    async def count(self, *records: Record) -> None:
        async with transaction(self.wired.pool) as tx:
            await on_cases(tx, records)

    async def define(self, path: str, name: str, version: int = 1, type_: str = "area.defined.v1") -> None:
        area = {
            "path": path,
            "name": name,
            "level": "grid",
            "parent": path.rpartition(".")[0] or None,
            "version": version,
        }
        async with transaction(self.wired.pool) as tx:
            await on_areas(tx, [a_record(topics.AREAS, path, version, type_, orjson.dumps(area))])

    async def rows(self) -> list[tuple[Any, ...]]:
        found = await self.wired.pool.fetch("SELECT * FROM evaluation.cases ORDER BY case_id")
        return [tuple(row) for row in found]

    async def ask(
        self,
        path: str = "scorecards",
        *,
        by: str = "evaluator",
        within: str | None = None,
        of_unit: str | None = None,
        **params: object,
    ) -> httpx.Response:
        """As the post `by`, whose area is `within` (the test's district, if not said) and whose unit is `of_unit`."""
        area = self.area if within is None else within
        token = issue_token(SECRET, subject=f"staff:{by}", post=by, area=area, unit=of_unit)
        headers = {"authorization": f"Bearer {token}"}
        return await self.http.get(
            f"/evaluation/v1/{path}", params={k: str(v) for k, v in params.items()}, headers=headers
        )

    async def cards(self, **params: Any) -> dict[str, Any]:
        answer = await self.ask("scorecards", **{"object": "region", "period": "2026-11", **params})
        assert answer.status_code == 200, answer.text
        return {card["key"]: card for card in answer.json()["items"]}


def a_record(topic: Topic, subject: str, sequence: int, type_: str, data: bytes) -> Record:
    return Record(
        topic.name, 0, sequence, subject, str(uuid4()), type_, f"/wangge/{topic.owner}", subject, sequence, subject,
        None, datetime.now(UTC), data, None,
    )  # fmt: skip


def records(*histories: History) -> list[Record]:
    return [
        a_record(topics.CASES, str(history.case_id), version, type_, data)
        for history in histories
        for version, (type_, data) in enumerate(history.published, start=1)
    ]


def shuffled_by_version(histories: Iterable[History]) -> list[Record]:
    """All first versions, then all second ones: as facts of many cases come mixed."""
    return sorted(records(*histories), key=lambda record: record.sequence)


@asynccontextmanager
async def serving(dsn: str) -> AsyncIterator[Evaluation]:
    settings = EvaluationSettings(database_url=dsn, environment="test", token_secret=SecretStr(SECRET), pool_size=12)
    carrier = open_carrier(settings)
    await carrier.create_topics(topics.ALL)
    async with wire(settings, carrier) as wired:
        house = Starlette(routes=[Mount("/evaluation", create_app(wired))])
        transport = httpx.ASGITransport(house)
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as http:
            yield Evaluation(wired, http, f"d{uuid4().hex[:12]}")
    await carrier.close()


@pytest.fixture
async def evaluation(database: str) -> AsyncIterator[Evaluation]:
    async with serving(database) as found:
        yield found


@pytest.fixture
async def alone(own_database: str) -> AsyncIterator[Evaluation]:
    """With a database of its own: for what concerns every row."""
    async with serving(own_database) as found:
        yield found
