"""Grids drawn inside a boundary: squares of a side, or round points, such as components, each the land nearest to it.

All lines are cut at once where they meet, and areas are what lies between: neighbours share every corner, so there is
no blank and no overlap by construction.
"""

from collections.abc import Sequence
from math import cos, radians, sqrt
from typing import Any, Final

import numpy as np
import shapely

from services.intake.domain.area import GivenArea
from services.intake.grids.measures import METRES
from shared.kernel.area import AreaPath
from shared.kernel.errors import Invalid
from shared.kernel.place import Place

# A grid's own number has three digits (GB/T 30428.1-2013: 6 of the county, 3 street, 3 community, 3 grid).
MOST: Final = 999
# A piece smaller than this part of a square joins its neighbour: nobody patrols the tip of a corner.
SMALL: Final = 0.25
# Corners are whole multiples of a tenth of a millimetre: a boundary of 100 km that is cut a thousand times differs
# from what it was by less than the 10 m² that an import lets pass.
_CORNER: Final = 1e-9
_DIGITS: Final = 9


class NoCells(Invalid):
    """Cells that cannot be drawn as asked: too many for their numbers, or no point in the boundary."""

    slug, title, title_zh = "no-cells", "Grids cannot be drawn so", "无法按此划分网格"


def squares(boundary: Any, side_m: float) -> list[Any]:
    """`boundary` (a shape, WGS 84) cut in squares of `side_m` metres; what is left over at its edge joins the square
    beside it. Raises NoCells.
    """
    flat = _Flat(boundary)
    west, south, east, north = flat.shape.bounds
    side = side_m / METRES
    across, up = int((east - west) / side) + 1, int((north - south) / side) + 1
    enough = sqrt(shapely.area(flat.shape) / MOST) * METRES
    if across * up > 40 * MOST:
        raise NoCells(
            f"about {across * up:,} squares of {side_m:g} m lie in it, and {MOST} have a number: take {enough:.0f} m or"
            " more, or draw its parts one by one"
        )
    # The squares stand in the middle of the boundary, with as much left over on one side as on the other.
    left, low = (west + east - across * side) / 2, (south + north - up * side) / 2
    lines = [
        *(((left + n * side, south - side), (left + n * side, north + side)) for n in range(across + 1)),
        *(((west - side, low + n * side), (east + side, low + n * side)) for n in range(up + 1)),
    ]
    pieces = flat.cut(shapely.linestrings(lines))
    small = shapely.area(pieces) < SMALL * side * side
    if small.all():
        small[np.argmax(shapely.area(pieces))] = False
    return flat.round(_join(pieces, np.where(small, -1, np.arange(len(pieces)))))


def nearest(boundary: Any, points: Sequence[Place], per_cell: int = 1) -> list[Any]:
    """`boundary` cut so that each of `points` in it has the land that is nearest to it (Voronoi), or `per_cell`
    neighbouring points have theirs together. Raises NoCells.
    """
    flat = _Flat(boundary)
    distinct = np.unique(np.round(np.array(points, dtype=float).reshape(-1, 2), _DIGITS), axis=0)
    within = distinct[shapely.intersects_xy(boundary, distinct[:, 0], distinct[:, 1])] if len(distinct) else distinct
    if len(within) == 0:
        raise NoCells(f"none of the {len(points):,} points lies in the boundary: check its datum, and theirs")
    here = within * flat.scale
    groups = np.zeros(len(here), np.int64)
    for number, members in enumerate(_halved(here, np.arange(len(here)), per_cell)):
        groups[members] = number
    if len(here) == 1:
        return flat.round([flat.shape])
    edges = shapely.voronoi_polygons(shapely.multipoints(here), extend_to=flat.shape, only_edges=True)
    pieces = flat.cut(shapely.get_parts(edges))
    tree = shapely.STRtree(pieces)
    point, piece = tree.query(shapely.points(here), predicate="intersects")
    # A piece that a bend of the boundary cut off from its point joins what it lies beside.
    owner = np.full(len(pieces), -1)
    owner[piece] = groups[point]
    return flat.round(_join(pieces, owner))


def numbered(parent: AreaPath, shapes: Sequence[Any], level: str, name: str, first: int = 1) -> list[GivenArea]:
    """The areas below `parent`, numbered from `first` with three digits in rows from north to south, each from west to
    east; `name` has a place for the number, as in `花园路{:03d}网格`. Raises NoCells.
    """
    if first + len(shapes) - 1 > MOST:
        raise NoCells(
            f"{len(shapes):,} grids from number {first} on in {parent}, and {MOST} is the last number: make them"
            " larger, or draw the parts of the boundary one by one"
        )
    middles = shapely.get_coordinates(shapely.centroid(np.array(shapes, dtype=object)))
    row = sqrt(float(shapely.area(shapely.union_all(shapes))) / len(shapes)) if len(shapes) else 1.0
    rows = np.round((middles[:, 1].max(initial=0) - middles[:, 1]) / row).astype(int)
    order = np.lexsort((middles[:, 0], rows))
    return [
        GivenArea(
            parent.child(f"{first + n:03d}"),
            name.format(first + n),
            level,
            bytes(shapely.to_wkb(shapes[k])),
            f"cell {n}",
        )
        for n, k in enumerate(order.tolist())
    ]


class _Flat:
    """A boundary whose longitudes are shortened to the scale of its latitudes, so that distances are distances."""

    def __init__(self, boundary: Any) -> None:
        _, south, _, north = boundary.bounds
        self.scale = np.array([cos(radians((south + north) / 2)), 1.0])
        self.shape = shapely.transform(boundary, lambda xy: xy * self.scale)

    def cut(self, lines: Any) -> Any:
        """The pieces of the boundary between `lines`."""
        noded = shapely.union_all([*lines, shapely.boundary(self.shape)], grid_size=_CORNER)
        pieces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
        shapely.prepare(self.shape)
        return pieces[shapely.contains(self.shape, shapely.point_on_surface(pieces))]

    def round(self, shapes: Sequence[Any]) -> list[Any]:
        return [shapely.transform(shape, lambda xy: np.round(xy / self.scale, _DIGITS)) for shape in shapes]


def _join(pieces: Any, owner: Any) -> list[Any]:
    """Pieces of one owner together; one without (-1) goes to the owner with which it shares the longest edge."""
    owner = owner.copy()
    tree = shapely.STRtree(pieces)
    waiting = sorted(np.flatnonzero(owner < 0).tolist(), key=lambda n: -float(shapely.area(pieces[n])))
    while waiting:
        left = []
        for n in waiting:
            beside = [k for k in tree.query(pieces[n], predicate="touches").tolist() if owner[k] >= 0]
            edges = shapely.length(shapely.intersection(pieces[n], pieces[beside])) if beside else np.zeros(0)
            if beside and edges.max() > 0:
                owner[n] = owner[beside[int(np.argmax(edges))]]
            else:
                left.append(n)
        if len(left) == len(waiting):  # islands of the boundary, each a cell of its own
            owner[left] = owner.max() + 1 + np.arange(len(left))
            break
        waiting = left
    order = np.argsort(owner, kind="stable")
    firsts = np.flatnonzero(np.diff(owner[order], prepend=owner[order[:1]] - 1))
    return [shapely.coverage_union_all(pieces[some]) for some in np.split(order, firsts[1:])]


def _halved(points: Any, members: Any, most: int) -> list[Any]:
    """Neighbouring points, `most` at most: halved across the longer side until they fit."""
    if len(members) <= most:
        return [members]
    spread = np.ptp(points[members], axis=0)
    ordered = members[np.argsort(points[members, int(spread[1] > spread[0])], kind="stable")]
    middle = len(ordered) // 2
    return [*_halved(points, ordered[:middle], most), *_halved(points, ordered[middle:], most)]
