"""Row t: a province in one city: 120,000 grids and 1.4 million components, imported by the commands as they are typed;
what its processes take of memory, and what is asked of so many.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import asyncpg
import orjson
import shapely

from services.city.embedded_postgres import EmbeddedPostgres
from services.city.robots.wire import Wire
from services.intake.queries.ownership import ownership
from shared.auth import Principal
from shared.kernel.area import AreaPath
from shared.packs import load
from shared.postgres import create_pool
from tests.bench import processor
from tests.bench.measure import BenchTrouble, Figure, Result, at_most, quantile
from tests.bench.n_areas import province
from tests.bench.o_components import WHOLE, suggested
from tests.bench.processes import SECRET, Process, folder, running, serving, wangge
from tests.bench.reports import bodies
from tests.bench.scale_store import post_batch
from tests.component_file import Drawn, write

TITLE = "a province: 120,000 grids, 1.4 million components"
PACK = "haidian"
ASKED = 300
BATCH = 2_000
QUIET_SECONDS = 5.0
SETTLE_SECONDS = 300.0
MOST_MB = 600
OWNERSHIP: tuple[tuple[str, bool, Literal["area", "kind"]], ...] = (
    ("of the city by parts", True, "area"),
    ("of the city by kinds", True, "kind"),
    ("of a community", False, "area"),
)


async def run() -> Result:
    area = load(PACK).area
    async with folder() as where:
        data = where / "data"
        up = ("services.city", "up", "--data", str(data), "--no-demo")
        async with running([Process("up", up, {}, where / "up.log")]):
            pass  # makes the database, the first areas, the keys
        grids = await asyncio.to_thread(_drawn, area)
        await asyncio.to_thread(_write_areas, where / "areas.geojson", grids, area)
        await asyncio.to_thread(write, where / "components.csv", WHOLE, PACK, grids)
        server = EmbeddedPostgres(data)
        try:
            await server.start()
            settings = {
                "WANGGE_DATABASE_URL": server.dsn,
                "WANGGE_TOKEN_SECRET": SECRET,
                "WANGGE_PACK": PACK,
                "WANGGE_DATA_DIR": str(data),
                "WANGGE_LOG_LEVEL": "warning",
                "WANGGE_MERGE_DUPLICATES": "true",
            }
            began = time.monotonic()
            await wangge(settings, "areas", "import", str(where / "areas.geojson"), "--retire-below", area)
            areas_in = time.monotonic()
            print(f"  areas: {areas_in - began:.0f} s", flush=True)
            await wangge(settings, "components", "import", str(where / "components.csv"))
            components_in = time.monotonic()
            print(f"  components: {components_in - areas_in:.0f} s", flush=True)
            near = await suggested(server.dsn)
            owned = await _owned(server.dsn, grids)
            print(f"  nearest {quantile(near, 0.99):.2f} ms, ownership {owned}", flush=True)
            key = (await wangge(settings, "keys", "create", "bench", "--area", area)).split()[-1]
            served = serving("intake", "api", settings, where)
            async with running([served]):
                apart = await _touched(served, key, server.dsn, grids)
            print(f"  intake's API: {apart[0]:.0f} MB, {apart[1]:.0f} at its most", flush=True)
        finally:
            await server.stop()
        whole = Process("up", up, {}, where / "up.log")
        began_whole = time.monotonic()
        async with running([whole]):
            ready = time.monotonic() - began_whole
            key = orjson.loads((data / "credentials.json").read_bytes())["app"]
            await _settled(server.dsn)
            in_one = await _touched(whole, key, server.dsn, grids)
    figures = [
        at_most("memory: intake's API", "MB", [apart[0]], MOST_MB),
        Figure("memory: intake's API, at its most", "MB", [apart[1]]),
        at_most("memory: all in one, without its Postgres", "MB", [in_one[0]], MOST_MB),
        Figure("memory: all in one, at its most", "MB", [in_one[1]]),
        Figure("ready: all in one", "s", [ready]),
        Figure("import of 120,000 grids", "s", [areas_in - began]),
        at_most("import of 1.4 million components", "s", [components_in - areas_in], 180),
        Figure("nearest of a kind, median", "ms", [quantile(near, 0.5)]),
        at_most("nearest of a kind, 99th percentile", "ms", [quantile(near, 0.99)], 5),
        *(Figure(f"ownership, {name}", "ms", samples) for name, samples in owned.items()),
    ]
    notes = [
        f"{len(grids):,} grids (those of row n) and {WHOLE:,} components, 20 columns each, in the database of one city;"
        " the imports are the commands, from the start of the process to its end. Memory is the resident set"
        f" {QUIET_SECONDS:.0f} s after {ASKED} reports by point, a batch of {BATCH:,}, {ASKED} questions for what is"
        " nearest and for duplicates, lists, and a change of the areas, for which the whole index is built anew beside"
        " the one in use. *At its most* is the most that the process ever had, from its start on."
    ]
    holds = (
        "The index of the grids, and while a new one is built, two; components lie in the database alone and cost no"
        " process anything."
    )
    return Result("t", TITLE, figures, notes, holds)


def _drawn(area: str) -> list[Drawn]:
    grids = province(area=area)
    shapes = shapely.from_wkb([grid.geometry for grid in grids])
    return [Drawn(grid.path, shape) for grid, shape in zip(grids, shapes, strict=True)]


def _write_areas(path: Path, grids: Sequence[Drawn], area: str) -> None:
    """The grids and what lies above them, as a GeoJSON file."""
    levels = [level.key for level in load(PACK).levels]
    above = {grid.path.rpartition(".")[0] for grid in grids}
    above |= {each.rpartition(".")[0] for each in above} | {area}
    with path.open("wb") as file:
        file.write(b'{"type": "FeatureCollection", "features": [\n')
        for n, each in enumerate(sorted(above)):
            file.write(b",\n" * (n > 0) + _feature(each, levels[each.count(".")], None))
        for grid in grids:
            file.write(b",\n" + _feature(grid.path, levels[-1], orjson.Fragment(shapely.to_geojson(grid.shape))))
        file.write(b"\n]}\n")


def _feature(path: str, level: str, geometry: orjson.Fragment | None) -> bytes:
    properties = {"path": path, "name": f"区域{path}", "level": level}
    return orjson.dumps({"type": "Feature", "properties": properties, "geometry": geometry})


async def _owned(dsn: str, grids: Sequence[Drawn]) -> dict[str, list[float]]:
    """Milliseconds of the share of components whose owner is known: of the city by its parts and kinds, of a part."""
    pool = await create_pool(dsn, name="bench")
    city = AreaPath(load(PACK).area)
    who = Principal("staff", "bench", city, frozenset({"components:read"}))
    community = AreaPath(grids[len(grids) // 2].path).parent
    spent: dict[str, list[float]] = {}
    for _ in range(5):
        for name, area, by in OWNERSHIP:
            began = time.perf_counter()
            found = await ownership(pool, who, city if area else community, by=by, kind=None)
            spent.setdefault(name, []).append((time.perf_counter() - began) * 1e3)
            assert found.whole.components
    await pool.close()
    return spent


async def _touched(process: Process, key: str, dsn: str, grids: Sequence[Drawn]) -> tuple[float, float]:
    """Megabytes that a process has after requests of all kinds and a new index, and the most that it ever had."""
    assert process.child is not None
    chance = random.Random(2)
    reports = [orjson.loads(body) for body in bodies(PACK, ASKED + BATCH)]
    for report in reports:
        middle = chance.choice(grids).shape.representative_point()
        report["location"] = {"lon": middle.x, "lat": middle.y}
    connection = await asyncpg.connect(dsn)
    places = await connection.fetch("SELECT lon, lat, kind, code FROM intake.components ORDER BY code LIMIT $1", ASKED)
    wire = Wire(process.base, connections=8, timeout=60)
    headers = {"Authorization": f"Bearer {key}"}

    async def ask(path: str, body: bytes = b"") -> None:
        more = {"Content-Type": "application/json"} if body else {}
        answer = await wire.send("POST" if body else "GET", f"/intake{path}", headers | more, body)
        if answer.status not in (200, 201):
            raise BenchTrouble(f"{path}: {answer.status} {answer.body[:300].decode()}")

    await asyncio.gather(*(ask("/v1/reports", orjson.dumps(report)) for report in reports[:ASKED]))
    await post_batch(process.base, key, [orjson.dumps(report) for report in reports[ASKED:]])
    for lon, lat, kind, code in places:
        await ask(f"/v1/components/nearest?{urlencode({'lon': lon, 'lat': lat, 'kind': kind})}")
        await ask(f"/v1/duplicates?{urlencode({'lon': lon, 'lat': lat, 'category': kind})}")
        await ask(f"/v1/components/{code}")
    for path in (
        "/v1/areas?level=grid&limit=500&geometry=true",
        "/v1/components?limit=500",
        "/v1/components/ownership",
    ):
        await ask(path)
    await ask("/open311/v2/requests.json?page_size=500")
    await connection.execute("UPDATE intake.areas_head SET version = version + 1")
    await connection.close()
    wire.close()
    await asyncio.sleep(QUIET_SECONDS)
    return processor.resident_mb(process.child.pid), processor.most_resident_mb(process.child.pid)


async def _settled(dsn: str) -> None:
    """No fact of the imports waits any more: readers have taken them in."""
    connection = await asyncpg.connect(dsn)
    until = time.monotonic() + SETTLE_SECONDS
    while await connection.fetchval("SELECT EXISTS (SELECT FROM intake.outbox)"):
        if time.monotonic() > until:
            raise BenchTrouble(f"facts of the imports still wait after {SETTLE_SECONDS:.0f} s")
        await asyncio.sleep(0.5)
    await connection.close()
    await asyncio.sleep(QUIET_SECONDS)
