"""No blank, no overlap 不留空白、不重叠: what an import checks before it takes grids over."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from services.intake.domain.area import Finding, Kind
from services.intake.grids.measures import place_of, square_metres, text_of
from shared.kernel.place import Place

# Corners that are meant to be one differ in their last digits: within a centimetre they are one.
_SNAP = 1e-7
# GEOS says where: "Self-intersection[116.5 39.5]".
_WHERE = re.compile(r"\[(-?[0-9.eE+-]+) (-?[0-9.eE+-]+)\]")
_CROSSING = ("Self-intersection", "Ring Self-intersection")


def check(
    grids: Mapping[str, bytes], parents: Mapping[str, bytes], where: Mapping[str, str], tolerance_m2: float
) -> list[Finding]:
    """What is wrong with `grids` (path → WKB) as a cover of the city; `parents` are the drawn areas above them.

    Wrong are: broken geometry; two grids that share more than `tolerance_m2`; a hole among grids, or a part of a drawn
    parent, of more than `tolerance_m2` that no grid covers. `where` names a path's place in the file. Geometry that is
    broken is named, and mended for what else is looked at, so that one look tells all.
    """
    paths = [*grids]
    shapes, found = _sound(paths, shapely.from_wkb([*grids.values()]), where)
    outlines, broken = _sound([*parents], shapely.from_wkb([*parents.values()]), where)
    found += broken
    if not paths:
        return found
    seamless = bool(shapely.coverage_is_valid(shapes))  # edges match to the last bit: 0.1 s for 8,562 grids
    if not seamless:
        found += _overlaps(paths, shapes, where, tolerance_m2)
    united = shapely.coverage_union_all(shapes) if seamless else shapely.union_all(shapes, grid_size=_SNAP)
    holes = _holes(united, paths, shapes, tolerance_m2)
    return found + holes + _uncovered(united, holes, [*parents], outlines, where, tolerance_m2)


def _sound(paths: Sequence[str], shapes: Any, where: Mapping[str, str]) -> tuple[Any, list[Finding]]:
    """The shapes, mended where they must be, and what had to be."""
    found: list[Finding] = []
    if not paths:
        return shapes, found
    areal = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)
    for n in np.flatnonzero(~(areal & shapely.is_valid(shapes))).tolist():
        place = where.get(paths[n], "/")
        if not areal[n]:
            found.append(Finding(place, f"{paths[n]}: must be a Polygon or a MultiPolygon", Kind.GEOMETRY))
            shapes[n] = shapely.Polygon()
            continue
        reason = str(shapely.is_valid_reason(shapes[n]))
        spot = _WHERE.search(reason)
        at = None if spot is None else Place(float(spot[1]), float(spot[2]))
        crossing = reason.startswith(_CROSSING)
        whole = shapely.make_valid(shapes[n])
        size_m2 = float(square_metres(whole))
        message = f"{paths[n]}: {'crosses itself 自相交' if crossing else reason.partition('[')[0]} at {text_of(at)}"
        kind = Kind.SELF_CROSSING if crossing else Kind.GEOMETRY
        found.append(Finding(place, f"{message}; {size_m2:,.0f} m² in all", kind, size_m2, at, _wkb(whole)))
        shapes[n] = shapely.buffer(shapes[n], 0)
    return shapes, found


def _overlaps(paths: Sequence[str], shapes: Any, where: Mapping[str, str], tolerance_m2: float) -> list[Finding]:
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    once = one < other
    one, other = one[once], other[once]
    common = shapely.intersection(shapes[one], shapes[other])
    shared_m2 = square_metres(common)
    found = []
    for n in np.flatnonzero(shared_m2 > tolerance_m2).tolist():
        a, b = paths[one[n]], paths[other[n]]
        at = place_of(common[n])
        message = f"{a} and {b} overlap by {shared_m2[n]:,.0f} m² at {text_of(at)} (tolerance {tolerance_m2:g} m²)"
        place = where.get(b, where.get(a, "/"))
        found.append(Finding(place, message, Kind.OVERLAP, float(shared_m2[n]), at, _wkb(common[n])))
    return found


def _holes(united: Any, paths: Sequence[str], shapes: Any, tolerance_m2: float) -> list[Finding]:
    rings = [ring for part in shapely.get_parts(united) for ring in shapely.get_rings(part)[1:]]
    if not rings:
        return []
    holes: Any = shapely.polygons(rings)
    tree = shapely.STRtree(shapes)
    found = []
    for hole, size_m2 in zip(holes, square_metres(holes), strict=True):
        if size_m2 > tolerance_m2:
            beside = sorted(paths[n] for n in tree.query(hole, predicate="intersects"))
            named = ", ".join(beside[:4])
            at = place_of(hole)
            message = f"blank of {size_m2:,.0f} m² between {named} at {text_of(at)} (tolerance {tolerance_m2:g} m²)"
            found.append(Finding("/", message, Kind.GAP, float(size_m2), at, _wkb(hole)))
    return found


def _uncovered(
    united: Any,
    holes: Sequence[Finding],
    paths: Sequence[str],
    outlines: Any,
    where: Mapping[str, str],
    tolerance_m2: float,
) -> list[Finding]:
    """Parts of drawn parents in no grid. What lies in two parents, or was found as a hole, is told once."""
    if not paths:
        return []
    found = []
    told = [shapely.from_wkb(hole.shape) for hole in holes]
    blanks = shapely.difference(outlines, united)
    for n in sorted(range(len(paths)), key=lambda n: (-paths[n].count("."), paths[n])):
        blank = blanks[n]
        if told and not blank.is_empty:
            blank = shapely.difference(blank, shapely.union_all(told))
        left_m2 = float(square_metres(blank))
        if left_m2 > tolerance_m2:
            at = place_of(blank)
            message = f"{paths[n]} has {left_m2:,.0f} m² in no grid (tolerance {tolerance_m2:g} m²), near {text_of(at)}"
            found.append(Finding(where.get(paths[n], "/"), message, Kind.GAP, left_m2, at, _wkb(blank)))
            told.append(blank)
    return found


def _wkb(shape: Any) -> bytes:
    return bytes(shapely.to_wkb(shape))
