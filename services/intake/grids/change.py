"""A change of the areas, weighed against what stands: what it defines and ends, and what is wrong with it."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely

from services.intake.domain.area import Area, Defined, Finding, GivenArea, Kind, Standing, structure
from services.intake.grids.coverage import check
from services.intake.grids.hints import misplaced, other_datum
from services.intake.grids.measures import place_of, square_metres, text_of
from shared.kernel.area import AreaPath
from shared.kernel.place import Place


class Change(NamedTuple):
    """What is to become of the areas: `given` are defined; `retire`, and what of `retire_below` is not given, end.

    An area that is named as a predecessor and not given ends too. With `whole` the successors must cover exactly what
    their predecessors did, as when a grid is split; else a difference is only noted.
    """

    given: Sequence[GivenArea]
    retire_below: AreaPath | None = None
    retire: Sequence[str] = ()
    whole: bool = False


class Rules(NamedTuple):
    """The pack's levels from the top, the last that of grids, and how large a gap or overlap is let pass."""

    levels: Sequence[str]
    tolerance_m2: float


class Weighed(NamedTuple):
    """What a change comes to. `successions` are pairs (predecessor, successor); `drawn` all shapes as they would be."""

    changed: list[Area]
    retired: list[str]
    successions: list[tuple[str, str]]
    found: list[Finding]
    drawn: Mapping[str, bytes]


def weigh(change: Change, known: Mapping[str, Defined], rules: Rules, ended: Collection[str] = ()) -> Weighed:
    """Weigh `change` against `known`, what is defined by path; `ended` are paths that once were. For a thread."""
    given, levels = change.given, rules.levels
    paths = {str(area.path) for area in given}
    came_from = {before for area in given for before in area.predecessors}
    ending = came_from | set(change.retire)
    below = change.retire_below
    if below is not None:
        ending |= {path for path in known if path != str(below) and below.covers(path)}
    retired = sorted(path for path in known if path in ending and path not in paths)
    standing = {path: Standing(each.name, each.level) for path, each in known.items()}
    found = structure(given, standing, levels, retired)
    for area in given:
        for before in area.predecessors:
            if before not in known and before not in ended:
                message = f"{area.path}: there is and was no {before} that it could have come from"
                found.append(Finding(area.where, message, Kind.SUCCESSION))
    prints = {area.path: _fingerprint(area) for area in given}
    changed = [a for a in given if a.path not in known or known[a.path].fingerprint != prints[a.path]]
    shapes = {path: each.geometry for path, each in known.items() if each.geometry is not None}
    if not changed and not retired:
        return Weighed([], [], [], found, shapes)
    gone = set(retired)
    after = {p: (d.level, d.geometry) for p, d in known.items() if p not in gone}
    after.update((str(area.path), (area.level, area.geometry)) for area in given)
    drawn = {path: shape for path, (_, shape) in after.items() if shape is not None}
    grids = {path: shape for path, shape in drawn.items() if after[path][0] == levels[-1]}
    parents = {path: shape for path, shape in drawn.items() if path not in grids}
    found += check(grids, parents, {str(a.path): a.where for a in given}, rules.tolerance_m2)
    found += misplaced(changed, shapes) + other_datum(changed, shapes)
    found += _unlike(changed, shapes, rules.tolerance_m2, noted=not change.whole)
    centres = {} if any(not each.noted for each in found) else _centres(drawn)
    areas = [
        Area(a.path, a.name, a.level, a.geometry, centres.get(a.path), 0, prints[a.path])
        for a in sorted(changed, key=lambda area: area.path)
    ]
    pairs = sorted({(before, str(area.path)) for area in changed for before in area.predecessors})
    return Weighed(areas, retired, pairs, found, drawn)


def _fingerprint(area: GivenArea) -> bytes:
    digest = hashlib.sha256(f"{area.name}\n{area.level}\n".encode())
    digest.update(area.geometry or b"")
    return digest.digest()[:16]


def _unlike(
    changed: Sequence[GivenArea], before: Mapping[str, bytes], tolerance_m2: float, *, noted: bool
) -> list[Finding]:
    """Where successors together do not cover what their predecessors did: land that was won or lost on the way."""
    found = []
    for heirs in _families(changed):
        gone = sorted({path for area in heirs for path in area.predecessors if path in before})
        if not gone or any(area.geometry is None for area in heirs):
            continue
        was, now = (
            shapely.union_all(shapely.make_valid(shapely.from_wkb(shapes)), grid_size=1e-7)
            for shapes in ([before[path] for path in gone], [area.geometry for area in heirs])
        )
        unlike = shapely.symmetric_difference(was, now)
        size_m2 = float(square_metres(unlike))
        if size_m2 > tolerance_m2:
            at = place_of(unlike)
            message = (
                f"{', '.join(str(area.path) for area in heirs[:4])} do not cover what {', '.join(gone[:4])} did:"
                f" {size_m2:,.0f} m² differ, near {text_of(at)}"
            )
            shape = bytes(shapely.to_wkb(unlike))
            found.append(Finding(heirs[0].where, message, Kind.SUCCESSION, size_m2, at, shape, noted))
    return found


def _families(changed: Sequence[GivenArea]) -> list[list[GivenArea]]:
    """Areas that have predecessors, those with a common one together."""
    of: dict[str, list[GivenArea]] = {}
    for area in (each for each in changed if each.predecessors):
        family = [area]
        for before in area.predecessors:
            other = of.get(before)
            if other is not None and other is not family:
                family += [each for each in other if each is not area and each not in family]
        for member in family:
            of.update(dict.fromkeys(member.predecessors, family))
    return list({id(family): family for family in of.values()}.values())


def _centres(drawn: Mapping[str, bytes]) -> dict[str, Place]:
    """A point inside each drawn area: its centroid where that lies inside. An area without a drawing of its own has
    the middle of the drawn areas below it.
    """
    if not drawn:
        return {}
    shapes: Any = shapely.from_wkb([*drawn.values()])
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
