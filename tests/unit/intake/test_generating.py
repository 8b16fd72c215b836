"""Grids drawn inside a boundary: they cover it, share their corners, and have numbers in the order of reading."""

import numpy as np
import pytest
import shapely

from services.intake.grids.coverage import check
from services.intake.grids.generating import NoCells, nearest, numbered, squares
from services.intake.grids.measures import square_metres
from shared.kernel.area import AreaPath
from shared.kernel.place import Place

PARENT = AreaPath("110108.012.003")
SQUARE = shapely.box(116.30, 39.90, 116.32, 39.916)
# A bend, a hole and an edge that no lattice fits.
BENT = shapely.Polygon(
    [
        (116.30, 39.90),
        (116.331, 39.9017),
        (116.3283, 39.9211),
        (116.3195, 39.9212),
        (116.3191, 39.909),
        (116.302, 39.912),
    ],
    [[(116.322, 39.904), (116.324, 39.904), (116.323, 39.906)]],
)


def wrong_with(shapes, boundary):
    """What an import would find wrong with them as a cover of the boundary."""
    given = numbered(PARENT, shapes, "grid", "{:03d}")
    assert all(area.geometry is not None for area in given)
    parents = {str(PARENT): bytes(shapely.to_wkb(boundary))}
    # The hole of a boundary is a blank among its grids, which is what a city with a lake of somebody else's has.
    found = check({str(g.path): g.geometry or b"" for g in given}, parents, {}, 10.0)
    return [f for f in found if not (f.at and shapely.Polygon(BENT.interiors[0]).contains(shapely.Point(f.at)))]


@pytest.mark.parametrize("boundary", [SQUARE, BENT], ids=["square", "bent"])
@pytest.mark.parametrize("side_m", [150, 400, 5_000])
def test_squares_cover_a_boundary_without_blank_or_overlap(boundary, side_m):
    cells = squares(boundary, side_m)
    assert wrong_with(cells, boundary) == []
    sizes = square_metres(np.array(cells))
    assert sizes.sum() == pytest.approx(float(square_metres(boundary)), rel=1e-3)
    if side_m < 1_000:
        assert np.abs(sizes / side_m**2 - 1).min() < 0.02
        assert sizes.min() > side_m**2 / 5
    assert all(shapely.get_type_id(cell) == 3 for cell in cells)


@pytest.mark.parametrize("per_cell", [1, 7])
def test_every_point_lies_in_the_cell_drawn_round_it(per_cell):
    drawing = np.random.default_rng(3)
    points = [Place(*xy) for xy in drawing.uniform((116.30, 39.90), (116.331, 39.9212), (150, 2)).tolist()]
    inside = [place for place in points if shapely.contains_xy(BENT, *place)]
    cells = nearest(BENT, points + points, per_cell)
    assert wrong_with(cells, BENT) == []
    assert len(cells) == pytest.approx(len(inside) / per_cell, rel=0.5 if per_cell > 1 else 0)
    for place in inside:
        assert sum(shapely.intersects_xy(np.array(cells), *place)) >= 1


def test_numbers_run_from_north_to_south_and_from_west_to_east():
    given = numbered(PARENT, squares(SQUARE, 500), "grid", "花园路{:03d}网格", first=21)
    middles = [shapely.centroid(shapely.from_wkb(area.geometry)) for area in given]
    assert (given[0].path, given[0].name) == ("110108.012.003.021", "花园路021网格")
    across = next(n for n in range(1, len(middles)) if middles[n].x < middles[n - 1].x)
    assert all(middles[n].y > middles[n + across].y for n in range(len(middles) - across))


def test_what_cannot_be_drawn_is_refused_with_what_would_be_right():
    with pytest.raises(NoCells, match=r"take \d+ m or more"):
        squares(SQUARE, 5)
    with pytest.raises(NoCells, match="999 is the last number"):
        numbered(PARENT, squares(SQUARE, 100), "grid", "{}", first=900)
    with pytest.raises(NoCells, match="none of the 1 points"):
        nearest(SQUARE, [Place(39.9, 116.3)])
