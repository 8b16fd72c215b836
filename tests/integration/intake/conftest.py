"""Intake on a real database: its routes through ASGI, its jobs running as in a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import shapely
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from services.intake.app import api_jobs, create_app
from services.intake.commands.import_areas import import_areas
from services.intake.commands.issue_key import issue_key
from services.intake.domain.key import Scope
from services.intake.grids.reading import read_areas
from services.intake.queries.grid_index import refresh_grids
from services.intake.settings import IntakeSettings
from services.intake.wiring import Wired, wire
from shared import migrations
from shared.auth import KEY_ACTIONS, issue_token
from shared.bus.opening import open_carrier
from shared.jobs import supervise
from shared.kernel.area import AreaPath
from tests.conftest import new_database

SECRET = "a secret for tests that is long enough"
WEST, SOUTH, SIDE = 116.30, 39.90, 0.002
COLUMNS = ROWS = 4
DISTRICT, STREET, COMMUNITY = "110108", "110108.012", "110108.012.003"


def grid(column: int, row: int) -> str:
    return f"{COMMUNITY}.{column * ROWS + row + 1:03d}"


def middle(column: int, row: int) -> dict[str, float]:
    """A point in the middle of a grid."""
    return {"lon": WEST + (column + 0.5) * SIDE, "lat": SOUTH + (row + 0.5) * SIDE}


def square(column: int, row: int, **more: float) -> dict[str, Any]:
    edges = [WEST + column * SIDE, SOUTH + row * SIDE, WEST + (column + 1) * SIDE, SOUTH + (row + 1) * SIDE]
    edges[2] += more.get("wider", 0.0)
    return dict(shapely.geometry.mapping(shapely.box(*(round(e, 6) for e in edges))))


def feature(path: str, level: str, geometry: dict[str, Any] | None, name: str | None = None) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"path": path, "name": name or f"区域 {path}", "level": level},
        "geometry": geometry,
    }


def demo_areas() -> list[dict[str, Any]]:
    above = [
        feature(DISTRICT, "district", None),
        feature(STREET, "street", None),
        feature(COMMUNITY, "community", None),
    ]
    return above + [feature(grid(c, r), "grid", square(c, r)) for c in range(COLUMNS) for r in range(ROWS)]


def collection(features: list[dict[str, Any]]) -> bytes:
    return orjson.dumps({"type": "FeatureCollection", "features": features})


@dataclass
class Place:
    """One wired intake service, and clients of it."""

    wired: Wired
    http: httpx.AsyncClient
    app_key: str
    asgi: Any
    _asked: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    def staff(self, post: str, area: str = DISTRICT) -> dict[str, str]:
        unit = "drainage" if post == "unit_clerk" else None
        token = issue_token(SECRET, subject=f"{post}-1", post=post, area=area, unit=unit)
        return {"Authorization": f"Bearer {token}"}

    @property
    def app(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.app_key}"}

    async def key(self, **scope: Any) -> dict[str, str]:
        """The header of a fresh key with this scope."""
        held = Scope(
            tuple(scope.get("actions", sorted(KEY_ACTIONS))),
            AreaPath(scope.get("area", "")),
            scope.get("categories"),
            scope.get("rate"),
        )
        _, secret = await issue_key(self.wired.pool, self.wired.outbox, self.wired.clock, name="test", scope=held)
        await self.wired.keys.refresh()
        return {"Authorization": f"Bearer {secret}"}

    def body(self, **fields: Any) -> dict[str, Any]:
        """A good report; each with a text of its own."""
        category = next(iter(self.wired.pack.categories))
        text = f"井盖破损 {next(self._asked)}"
        return {"category": category, "description": text, "location": middle(1, 1), **fields}

    async def post(self, body: Any, headers: dict[str, str] | None = None, key: str | None = None) -> httpx.Response:
        """`key` is the Idempotency-Key."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"Content-Type": "application/json", **(self.app if headers is None else headers)}
        if key is not None:
            sent["Idempotency-Key"] = key
        return await self.http.post("/intake/v1/reports", content=content, headers=sent)

    async def stored(self, report_id: str) -> Any:
        return await self.wired.pool.fetchrow("SELECT * FROM intake.reports WHERE id = $1::text::uuid", report_id)

    async def facts(self, subject: str) -> list[Any]:
        """What the outbox holds for a subject; no relay runs in these tests."""
        return await self.wired.pool.fetch("SELECT * FROM intake.outbox WHERE subject = $1 ORDER BY id", subject)

    async def count(self) -> tuple[int, int, int]:
        """Reports, facts, and stored answers."""
        row = await self.wired.pool.fetchrow(
            "SELECT (SELECT count(*) FROM intake.reports), (SELECT count(*) FROM intake.outbox),"
            " (SELECT count(*) FROM intake.idempotency)"
        )
        assert row is not None
        return row[0], row[1], row[2]


@asynccontextmanager
async def city(server: str, folder: Path, features: list[dict[str, Any]], **more: Any) -> AsyncIterator[Place]:
    """An intake service on a new database, with these areas, its jobs running; `more` are settings."""
    dsn = await new_database(server)
    await asyncio.to_thread(migrations.migrate, dsn)
    settings = IntakeSettings(
        environment="test",
        database_url=dsn,
        data_dir=folder,
        token_secret=SecretStr(SECRET),
        pack="haidian",
        **{"media_max_bytes": 100_000, "batch_max_lines": 2_500, "merge_duplicates": False, **more},
    )
    carrier = open_carrier(settings)
    stop = asyncio.Event()
    async with wire(settings, carrier) as wired:
        levels = [level.key for level in wired.pack.levels]
        if features:
            given = read_areas(collection(features), "application/geo+json")
            await import_areas(wired.pool, wired.outbox, wired.clock, given, levels=levels, tolerance_m2=10.0)
        await refresh_grids(wired.pool, wired.grids, levels[-1])
        scope = Scope(tuple(sorted(KEY_ACTIONS)), AreaPath(DISTRICT), None, None)
        _, secret = await issue_key(wired.pool, wired.outbox, wired.clock, name="tests", scope=scope)
        await wired.keys.refresh()
        jobs = asyncio.create_task(supervise(api_jobs(wired), stop))
        app = create_app(wired)
        house = Starlette(routes=[Mount("/intake", app)])
        transport = httpx.ASGITransport(app=house, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://intake.test", timeout=30) as http:
            yield Place(wired, http, secret, app)
        stop.set()
        await jobs
    await carrier.close()


@pytest.fixture(scope="session")
async def intake(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Shared by the tests of a worker, which keep to reports of their own: none is merged."""
    async with city(postgres_dsn, tmp_path_factory.mktemp("intake"), demo_areas()) as place:
        yield place


@pytest.fixture
async def second(intake: Place) -> AsyncIterator[Place]:
    """Another replica of `intake`: of the same database and the same files, with nothing else in common."""
    settings = intake.wired.settings
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        await wired.keys.refresh()
        await refresh_grids(wired.pool, wired.grids, wired.pack.levels[-1].key)
        app = create_app(wired)
        transport = httpx.ASGITransport(Starlette(routes=[Mount("/intake", app)]), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://second.test", timeout=30) as http:
            yield Place(wired, http, intake.app_key, app)
    await carrier.close()


@pytest.fixture
async def own_intake(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Place]:
    """One test's own, for what changes the areas."""
    async with city(postgres_dsn, tmp_path, demo_areas()) as place:
        yield place


@pytest.fixture(scope="session")
async def merging_intake(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Shared as `intake` is; duplicates are merged, as they are unless a city says otherwise."""
    async with city(postgres_dsn, tmp_path_factory.mktemp("merging"), demo_areas(), merge_duplicates=True) as place:
        yield place


@pytest.fixture
async def empty_intake(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Place]:
    """One test's own, without areas."""
    async with city(postgres_dsn, tmp_path, []) as place:
        yield place
