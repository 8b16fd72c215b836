"""Row n: the grid of a point among 120,000, one and many at a time, beside a bare STRtree; a new index swapped in."""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import shapely

from services.intake.grids.index import PART, Grid, GridIndex, Grids, read_part
from services.intake.queries.grid_index import refresh_grids
from shared.kernel.place import Place
from shared.logs import start_logging
from shared.packs import load
from shared.postgres import Pool, create_pool
from tests.bench.measure import Figure, Result, at_least, at_most, ratios
from tests.bench.processes import folder, postgres, set_up
from tests.bench.processor import resident_mb

TITLE = "point to grid in a province"
PACK = "haidian"
LEVEL = load(PACK).levels[-1].key
GRIDS = 120_000
ROUNDS = 5
MANY = 200_000
SINGLE = 20_000
CORNERS = 8
NOTE = (
    f"{GRIDS:,} grids of {CORNERS} to {CORNERS * 2} corners that share their edges: nine of ten in three towns, a tenth"
    f" of the land, the rest in the country. *many* are {MANY:,} points in one call, *one* is a call a point. *STRtree*"
    " is shapely's own index, asked with its `intersects` predicate, on the same shapes and points in the same rounds."
    " *pause* is how much later than asked an event loop was woken that sleeps for a millisecond again and again, while"
    " the same grids are read from the database, as after every change of the areas, an index of them is built and"
    " swapped in and the old one freed, twice; beside a thread of plain Python that does nothing but count, which is"
    " what an interpreter of one lock costs anybody; and idle."
)
HOLDS = (
    "A search in a sorted array of cells, then a test of two shapes. The pause is the interpreter's lock: who builds is"
    " asked to give it up after 1 ms, who counts after 5."
)


def province(count: int = GRIDS, seed: int = 7, area: str = "330000") -> list[Grid]:
    """Grids round points that are dense in towns and sparse between them: their Voronoi cells, edges broken once."""
    drawing = np.random.default_rng(seed)
    towns = [
        drawing.normal(centre, 0.06, (count * 3 // 10, 2)) for centre in ((120.2, 30.2), (121.5, 29.9), (120.7, 28.0))
    ]
    country = drawing.uniform((118.1, 27.2), (122.8, 31.1), (count - sum(map(len, towns)), 2))
    points = shapely.multipoints(np.concatenate([*towns, country]))
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=shapely.box(118.0, 27.1, 122.9, 31.2)))
    cells = shapely.segmentize(cells, 0.02)
    return [
        Grid(f"{area}.{n // 10**6:03d}.{n // 1000 % 1000:03d}.{n % 1000:03d}", bytes(wkb), Place(*xy))
        for n, (wkb, xy) in enumerate(
            zip(shapely.to_wkb(cells), shapely.get_coordinates(shapely.centroid(cells)).tolist(), strict=True)
        )
    ]


def _works(grids: list[Grid], index: GridIndex) -> list[tuple[int, Callable[[], object]]]:
    """What is timed, and for how many points: many, one by one, a batch; then many and one by one with the tree."""
    tree = shapely.STRtree(shapely.from_wkb([grid.geometry for grid in grids]))
    points = _points(grids)
    lons, lats = points[:, 0].copy(), points[:, 1].copy()
    places = [Place(*point) for point in points[:SINGLE].tolist()]

    def bare_one() -> None:
        for lon, lat in places:
            tree.query(shapely.Point(lon, lat), predicate="intersects")

    return [
        (MANY, lambda: index.rows_at(lons, lats)),
        (SINGLE, lambda: [index.locate(place) for place in places]),
        (SINGLE, lambda: index.locate_all(places)),
        (MANY, lambda: tree.query(shapely.points(points), predicate="intersects")),
        (SINGLE, bare_one),
    ]


def _memory(grids: list[Grid]) -> float:
    """Megabytes that a process of its own grows by when it builds the index and drops what it was built from."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_grow, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    for begin in range(0, len(grids), PART):
        ours.send([tuple(grid) for grid in grids[begin : begin + PART]])
    ours.send(None)
    grown: float = ours.recv()
    child.join()
    return grown


def _grow(pipe: Connection) -> None:
    GridIndex([], 0)
    before, parts = resident_mb(os.getpid()), []
    while (some := pipe.recv()) is not None:
        parts.append(read_part([Grid(*each) for each in some]))
    index = GridIndex.of_parts(parts, 1)
    del parts, some
    gc.collect()
    pipe.send(resident_mb(os.getpid()) - before)
    assert len(index) > 0


async def run() -> Result:
    start_logging("json", "warning")
    grids = await asyncio.to_thread(province)
    index = GridIndex(grids, 1)
    works = _works(grids, index)
    spent: list[list[float]] = [[] for _ in works]
    for number in range(-1, ROUNDS):
        for samples, (count, work) in zip(spent, works, strict=True):
            began = time.perf_counter()
            work()
            if number >= 0:
                samples.append((time.perf_counter() - began) / count * 1e6)
    del works
    many, one, paths, bare_many, bare_one = spent
    del index
    idle, beside, swapping = await _pauses(grids)
    memory = await asyncio.to_thread(_memory, grids)
    figures = [
        at_least("many at once", "/s", [1e6 / each for each in many], 200_000),
        Figure("many, STRtree", "/s", [1e6 / each for each in bare_many]),
        Figure("many, this / STRtree", "×", ratios([1 / each for each in many], [1 / each for each in bare_many])),
        Figure("a batch of places to paths", "/s", [1e6 / each for each in paths]),
        at_most("one", "µs", one, 15),
        Figure("one, STRtree", "µs", bare_one),
        Figure("one, this / STRtree", "×", ratios(one, bare_one)),
        at_most("pause, longest in two swaps", "ms", swapping, 20),
        Figure("pause, beside a thread that counts", "ms", beside),
        Figure("pause, idle", "ms", idle),
        Figure("memory of the index", "MB", [memory]),
    ]
    return Result("n", TITLE, figures, [NOTE], HOLDS)


def _points(grids: list[Grid]) -> Any:
    """Places near the middles of grids, as reports are where people live: a third of them lands next door."""
    drawing = np.random.default_rng(11)
    centres = np.array([grid.centre for grid in grids])
    return centres[drawing.integers(0, len(centres), MANY)] + drawing.normal(0, 0.0007, (MANY, 2))


async def _pauses(grids: list[Grid]) -> list[list[float]]:
    """The longest pause of each round: idle, beside a thread that counts, while the index is made anew twice."""
    held = Grids()
    async with _in_database(grids) as pool:
        await refresh_grids(pool, held, LEVEL)

        async def swapping() -> None:
            for _ in range(2):
                await pool.execute("UPDATE intake.areas_head SET version = version + 1")
                await refresh_grids(pool, held, LEVEL)

        works: list[Callable[[], Awaitable[None]]] = [_nothing, _counting, swapping]
        pauses: list[list[float]] = [[] for _ in works]
        for _ in range(ROUNDS):
            for samples, meanwhile in zip(pauses, works, strict=True):
                samples.append(await _pause(meanwhile))
    return pauses


@asynccontextmanager
async def _in_database(grids: list[Grid]) -> AsyncIterator[Pool]:
    """A database whose grids these are."""
    columns = ("path", "version", "name", "level", "parent", "geometry", "lon", "lat", "fingerprint", "defined_at")
    now = datetime.now(UTC)
    async with folder() as where, postgres(where) as server:
        await set_up(server.dsn, PACK, where)
        pool = await create_pool(server.dsn, name="bench")
        await pool.execute("TRUNCATE intake.areas")
        records = [
            (path, 1, path, LEVEL, path.rpartition(".")[0], shape, *(centre or (None, None)), b"", now)
            for path, shape, centre in grids
        ]
        async with pool.acquire() as connection:
            await connection.copy_records_to_table("areas", schema_name="intake", columns=columns, records=records)
        yield pool
        await pool.close()


async def _pause(meanwhile: Callable[[], Awaitable[None]]) -> float:
    """The longest pause of the loop, in milliseconds, while something else is done."""
    longest, stop = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not stop.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began - 0.001)

    gc.collect()
    gc.freeze()
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    await meanwhile()
    stop.set()
    await watching
    return longest * 1e3


async def _nothing() -> None:
    await asyncio.sleep(2)


async def _counting() -> None:
    def count() -> None:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            pass

    await asyncio.to_thread(count)
