"""Import areas: check a file against all that is defined, define what is new or changed, publish that and no more."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import shapely

from services.intake import outgoing
from services.intake.domain.area import Area, GivenArea, refuse, structure
from services.intake.grids.coverage import check
from services.intake.store import areas as store
from services.intake.store.areas import Defined
from shared.bus.event import Event
from shared.bus.outbox import Outbox
from shared.kernel.area import AreaPath
from shared.kernel.clock import Clock
from shared.kernel.place import Place
from shared.postgres import Pool, transaction


class Imported(NamedTuple):
    """What an import did. `version` is that of the areas as a whole after it, and of each area it defined."""

    defined: int
    unchanged: int
    retired: int
    version: int


async def import_areas(
    pool: Pool,
    outbox: Outbox,
    clock: Clock,
    given: Sequence[GivenArea],
    *,
    levels: Sequence[str],
    tolerance_m2: float,
    retire_below: AreaPath | None = None,
) -> Imported:
    """Define the areas of `given`; an area that stands as given keeps its version and is not published again.

    `levels` are the pack's, the last one that of grids. With `retire_below`, areas below it that `given` does not hold
    are retired. Grids must cover without gaps and overlaps above `tolerance_m2`. Raises AreasRefused, listing what is
    wrong; then nothing was changed.
    """
    while True:
        seen = await store.head(pool)
        known = await store.current(pool)
        # Geometry is checked in a thread (1 s for 8,562 grids), outside the transaction, against what was just read.
        plan = await asyncio.to_thread(_plan, given, known, levels, tolerance_m2, retire_below)
        async with transaction(pool) as tx:
            if await store.lock_head(tx) != seen:
                continue  # another import came first: check against what it left
            if not plan.changed and not plan.retired:
                return Imported(0, len(given), 0, seen)
            now = clock()
            version = await store.raise_head(tx)
            fresh = [area._replace(version=version) for area in plan.changed]
            await store.end(tx, [area.path for area in fresh] + plan.retired, now)
            await store.add(tx, fresh, now)
            await outbox.add(tx, _events(fresh, plan.retired, version, now))
        outbox.ring()
        return Imported(len(fresh), len(given) - len(fresh), len(plan.retired), version)


class _Plan(NamedTuple):
    changed: list[Area]
    retired: list[str]


def _plan(
    given: Sequence[GivenArea],
    known: Mapping[str, Defined],
    levels: Sequence[str],
    tolerance_m2: float,
    retire_below: AreaPath | None,
) -> _Plan:
    refuse(structure(given, known.keys(), levels))
    paths = {str(area.path) for area in given}
    retired = [p for p in known if p not in paths and retire_below is not None and retire_below.covers(p)]
    prints = {area.path: _fingerprint(area) for area in given}
    changed = [a for a in given if a.path not in known or known[a.path].fingerprint != prints[a.path]]
    if changed or retired:
        gone = set(retired)
        now = {p: (d.level, d.geometry) for p, d in known.items() if p not in gone}
        now.update((str(area.path), (area.level, area.geometry)) for area in given)
        drawn = {path: (level, shape) for path, (level, shape) in now.items() if shape is not None}
        grids = {path: shape for path, (level, shape) in drawn.items() if level == levels[-1]}
        parents = {path: shape for path, (level, shape) in drawn.items() if level != levels[-1]}
        refuse(check(grids, parents, {str(a.path): a.where for a in given}, tolerance_m2))
        centres = _centres(drawn)
    else:
        centres = {}
    areas = [
        Area(a.path, a.name, a.level, a.geometry, centres.get(a.path), 0, prints[a.path])
        for a in sorted(changed, key=lambda area: area.path)
    ]
    return _Plan(areas, sorted(retired))


def _fingerprint(area: GivenArea) -> bytes:
    digest = hashlib.sha256(f"{area.name}\n{area.level}\n".encode())
    digest.update(area.geometry or b"")
    return digest.digest()[:16]


def _centres(drawn: Mapping[str, tuple[str, bytes]]) -> dict[str, Place]:
    """A point inside each drawn area: its centroid where that lies inside. An area without a drawing of its own has
    the middle of the drawn areas below it.
    """
    if not drawn:
        return {}
    shapes: Any = shapely.from_wkb([shape for _, shape in drawn.values()])
    middle = shapely.centroid(shapes)
    inside = shapely.contains(shapes, middle)
    points = np.where(inside, middle, shapely.point_on_surface(shapes))
    found = {
        path: Place(float(x), float(y)) for path, (x, y) in zip(drawn, shapely.get_coordinates(points), strict=True)
    }
    sums: dict[str, tuple[float, float, int]] = {}
    for path, place in found.items():
        for above in AreaPath(path).prefixes()[:-1]:
            if above not in drawn:
                lon, lat, count = sums.get(above, (0.0, 0.0, 0))
                sums[above] = (lon + place.lon, lat + place.lat, count + 1)
    found.update((path, Place(lon / count, lat / count)) for path, (lon, lat, count) in sums.items())
    return found


def _events(fresh: Sequence[Area], retired: Sequence[str], version: int, at: datetime) -> list[Event]:
    texts: Any = shapely.to_geojson(shapely.from_wkb([area.geometry for area in fresh]))
    events = [outgoing.area_defined(area, text, at) for area, text in zip(fresh, texts, strict=True)]
    return events + [outgoing.area_retired(path, version, at) for path in retired]
