"""Split a grid, merge grids: acts on areas that keep what came from what."""

from collections.abc import Sequence
from typing import Any

import shapely

from services.intake.domain.area import AreaHasParts, AreaNotFound, AreasRefused, Defined, GivenArea
from services.intake.grids.change import Change
from services.intake.store import areas as store
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError
from shared.postgres import Pool, transaction


async def split(pool: Pool, path: AreaPath, parts: Sequence[GivenArea]) -> Change:
    """The change that cuts `path` into `parts`, which together cover what it did. One of them may keep its path.

    Raises AreaNotFound, AreaHasParts, AreasRefused if a part lies elsewhere in the hierarchy or is given twice.
    """
    known = await _whole_areas(pool, [path])
    errors = [
        FieldError(part.where, f"a part of {path} lies in {path.parent or 'the same place'}, as it does")
        for part in parts
        if part.path.parent != path.parent
    ]
    if errors or len(parts) < 2:
        errors = errors or [FieldError("/into", "two parts or more")]
        raise AreasRefused(f"{path} cannot be split so: {errors[0].message}", errors=errors)
    level = known[str(path)].level
    return Change([part._replace(level=level, predecessors=(str(path),)) for part in parts], None, (), True)


async def merge(pool: Pool, paths: Sequence[AreaPath], into: AreaPath, name: str) -> Change:
    """The change that makes one area, `into`, of those at `paths`; it may keep the path of one of them.

    Raises AreaNotFound, AreaHasParts, AreasRefused if they do not lie side by side in one area, or are not all drawn.
    """
    known = await _whole_areas(pool, paths)
    wrong = None
    if len(set(paths)) < 2:
        wrong = FieldError("/areas", "two areas or more")
    elif {path.parent for path in paths} != {into.parent}:
        wrong = FieldError("/into/path", f"what is merged and what it becomes lie in one area, not in {into.parent}")
    elif len({known[path].level for path in paths}) > 1:
        wrong = FieldError("/areas", "areas of one level")
    elif len({known[path].geometry is None for path in paths}) > 1:
        wrong = FieldError("/areas", "either all have geometry or none")
    shapes: Any = shapely.from_wkb([known[path].geometry for path in paths])
    drawn = all(known[path].geometry is not None for path in paths)
    united = shapely.normalize(shapely.union_all(shapes, grid_size=1e-9)) if drawn else None
    if wrong is None and united is not None and len(shapely.get_parts(united)) > len(shapely.get_parts(shapes[:1])):
        wrong = FieldError("/areas", "areas that lie side by side")
    if wrong is not None:
        raise AreasRefused(f"these areas cannot be merged: {wrong.message}", errors=[wrong])
    geometry = None if united is None else bytes(shapely.to_wkb(united))
    level = known[paths[0]].level
    before = tuple(sorted(str(path) for path in set(paths)))
    return Change([GivenArea(into, name, level, geometry, "/into", before)], None, (), True)


async def _whole_areas(pool: Pool, paths: Sequence[AreaPath]) -> dict[str, Defined]:
    """Those at `paths`. Raises AreaNotFound, AreaHasParts."""
    async with transaction(pool) as tx:
        found = {path: await store.find(tx, path, geometry=True) for path in paths}
        below = {
            path: await store.page(tx, after="", parent=path, level=None, limit=1, geometry=False) for path in paths
        }
    known: dict[str, Defined] = {}
    for path, area in found.items():
        if area is None:
            raise AreaNotFound(f"there is no area {path}")
        if below[path]:
            raise AreaHasParts(
                f"there are areas below {path}, such as {below[path][0].path}, whose paths begin with its own: import"
                " them anew, with predecessors",
                facts={"area": str(path)},
            )
        known[str(path)] = Defined(area.version, area.name, area.level, area.fingerprint, area.geometry)
    return known
