"""No blank, no overlap 不留空白、不重叠: what an import checks before it takes grids over.

Areas are compared in square metres on a local flat earth (a degree of latitude is 111,320 m; one of longitude is
shortened by the cosine of the latitude): good to 1 % at the size of a grid, and tolerances are rounder than that.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from services.intake.domain.area import Finding

_METRES = 111_320.0
# Corners that are meant to be one differ in their last digits: within a centimetre they are one.
_SNAP = 1e-7


def check(
    grids: Mapping[str, bytes], parents: Mapping[str, bytes], where: Mapping[str, str], tolerance_m2: float
) -> list[Finding]:
    """What is wrong with `grids` (path → WKB) as a cover of the city; `parents` are the drawn areas above them.

    Wrong are: broken geometry; two grids that share more than `tolerance_m2`; a hole among grids, or a part of a drawn
    parent, of more than `tolerance_m2` that no grid covers. `where` names a path's place in the file.
    """
    paths = [*grids]
    shapes: Any = shapely.from_wkb([grids[path] for path in paths])
    found = _broken(paths, shapes, where)
    if found or not paths:
        return found
    seamless = bool(shapely.coverage_is_valid(shapes))  # edges match to the last bit: 0.1 s for 8,562 grids
    if not seamless:
        found = _overlaps(paths, shapes, where, tolerance_m2)
    united = shapely.coverage_union_all(shapes) if seamless else shapely.union_all(shapes, grid_size=_SNAP)
    return found + _holes(united, paths, shapes, tolerance_m2) + _uncovered(united, parents, where, tolerance_m2)


def _broken(paths: Sequence[str], shapes: Any, where: Mapping[str, str]) -> list[Finding]:
    found = []
    areal = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)
    valid = shapely.is_valid(shapes)
    for n in np.flatnonzero(~(areal & valid)).tolist():
        reason = shapely.is_valid_reason(shapes[n]) if areal[n] else "must be a Polygon or a MultiPolygon"
        found.append(Finding(where.get(paths[n], "/"), f"{paths[n]}: {reason}"))
    return found


def _overlaps(paths: Sequence[str], shapes: Any, where: Mapping[str, str], tolerance_m2: float) -> list[Finding]:
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    once = one < other
    one, other = one[once], other[once]
    shared_m2 = _square_metres(shapely.intersection(shapes[one], shapes[other]))
    found = []
    for n in np.flatnonzero(shared_m2 > tolerance_m2).tolist():
        a, b = paths[one[n]], paths[other[n]]
        message = f"{a} and {b} overlap by {shared_m2[n]:,.0f} m² (tolerance {tolerance_m2:g} m²)"
        found.append(Finding(where.get(b, where.get(a, "/")), message))
    return found


def _holes(united: Any, paths: Sequence[str], shapes: Any, tolerance_m2: float) -> list[Finding]:
    rings = [ring for part in shapely.get_parts(united) for ring in shapely.get_rings(part)[1:]]
    holes: Any = shapely.polygons(rings) if rings else []
    found = []
    for hole, size_m2 in zip(holes, _square_metres(holes) if rings else [], strict=True):
        if size_m2 > tolerance_m2:
            beside = sorted(paths[n] for n in shapely.STRtree(shapes).query(hole, predicate="intersects"))
            named = ", ".join(beside[:4])
            message = f"blank of {size_m2:,.0f} m² between {named} (tolerance {tolerance_m2:g} m²)"
            found.append(Finding(_near(hole), message))
    return found


def _uncovered(
    united: Any, parents: Mapping[str, bytes], where: Mapping[str, str], tolerance_m2: float
) -> list[Finding]:
    outlines: Any = shapely.from_wkb([*parents.values()])
    found = []
    for path, blank in zip(parents, shapely.difference(outlines, united) if parents else [], strict=True):
        left_m2 = float(_square_metres(blank))
        if left_m2 > tolerance_m2:
            message = f"{path} has {left_m2:,.0f} m² in no grid (tolerance {tolerance_m2:g} m²), near {_near(blank)}"
            found.append(Finding(where.get(path, "/"), message))
    return found


def _near(shape: Any) -> str:
    at = shape.representative_point()
    return f"{at.x:.6f}, {at.y:.6f}"


def _square_metres(shapes: Any) -> Any:
    bounds = np.nan_to_num(shapely.bounds(shapes))
    latitude = (bounds[..., 1] + bounds[..., 3]) / 2
    return shapely.area(shapes) * _METRES * _METRES * np.cos(np.radians(latitude))
