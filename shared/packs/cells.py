"""Cells round real points: the Voronoi polygons of the points, a few neighbours of one neighbourhood joined.

A point lies in its own polygon, and polygons do not overlap; so each request lies in its own cell, by construction.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import cos, radians
from pathlib import Path

import shapely
from shapely import Geometry, Polygon

from shared.packs.tables import lines

Place = tuple[float, float]
"""Longitude and latitude, degrees."""
Neighbourhood = tuple[str, str, str]
"""Borough, board without the borough's name (`00`: none), ZIP (`00000`: none)."""

METRES = 111_320.0  # a degree of latitude
GRID = 1e-7  # degrees: vertices are whole multiples of a centimetre, so that neighbours share them


def neighbourhood(row: Mapping[str, str]) -> Neighbourhood:
    """Where a request of New York's 311 belongs, by its own columns."""
    board = row["Community Board"].split(" ")[0]
    return row["Borough"], board if board.isdecimal() else "00", row["Incident Zip"] or "00000"


def located(requests: Path) -> dict[Neighbourhood, list[Place]]:
    """The places of every neighbourhood in `requests`, without doubles, sorted."""
    found: dict[Neighbourhood, set[Place]] = defaultdict(set)
    for _, row in lines(requests):
        if row["Latitude"] and row["Longitude"]:
            found[neighbourhood(row)].add((float(row["Longitude"]), float(row["Latitude"])))
    return {key: sorted(found[key]) for key in sorted(found)}


def draw(
    places: Mapping[Neighbourhood, Sequence[Place]], size: int, margin_m: float
) -> dict[Neighbourhood, list[Geometry]]:
    """The cells of every neighbourhood, `size` points in each at most, ending `margin_m` outside the outermost."""
    everywhere = [place for group in places.values() for place in group]
    polygon_of = _polygons(everywhere, margin_m)
    return {
        key: [shapely.union_all([polygon_of[place] for place in few], grid_size=GRID) for few in _split(group, size)]
        for key, group in places.items()
    }


def _polygons(places: Sequence[Place], margin_m: float) -> dict[Place, Geometry]:
    # Longitudes are shortened to the scale of latitudes before distances are taken, and stretched back afterwards.
    scale = cos(radians(sum(lat for _, lat in places) / len(places)))
    points = shapely.multipoints([(lon * scale, lat) for lon, lat in places])
    hull = shapely.concave_hull(points, ratio=0.15).buffer(margin_m / METRES, quad_segs=4)
    limit = Polygon(hull.exterior)
    polygons = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=limit, ordered=True))
    shapely.prepare(limit)
    clipped = (polygon if limit.contains(polygon) else polygon.intersection(limit) for polygon in polygons)
    return {
        place: shapely.set_precision(shapely.transform(polygon, lambda xy: xy / (scale, 1.0)), GRID)
        for place, polygon in zip(places, clipped, strict=True)
    }


def _split(places: Sequence[Place], size: int) -> Iterator[Sequence[Place]]:
    """Neighbouring places, `size` at most: halved across the longer side until they fit."""
    if len(places) <= size:
        yield places
        return
    lons, lats = zip(*places, strict=True)
    axis = 0 if max(lons) - min(lons) > max(lats) - min(lats) else 1
    ordered = sorted(places, key=lambda place: (place[axis], place))
    yield from _split(ordered[: len(ordered) // 2], size)
    yield from _split(ordered[len(ordered) // 2 :], size)
