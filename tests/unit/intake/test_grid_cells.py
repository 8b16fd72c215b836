"""The cells that an index searches: what they name holds every box that a point lies in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.grids.cells import FEW, SIDE, Cells

EDGE = st.floats(-10, 10, allow_nan=False)


def ordered(edges):
    """West, south, east, north of four numbers in any order."""
    return min(edges[0], edges[2]), min(edges[1], edges[3]), max(edges[0], edges[2]), max(edges[1], edges[3])


BOX = st.tuples(EDGE, EDGE, EDGE, EDGE).map(ordered)


@settings(max_examples=60, deadline=None)
@given(st.lists(BOX, min_size=1, max_size=80), st.lists(st.tuples(EDGE, EDGE), max_size=40))
def test_no_box_that_holds_a_point_is_missed(boxes, points):
    cells = Cells(np.array(boxes))
    corners = [(b[n], b[m]) for b in boxes for n, m in ((0, 1), (2, 3), (0, 3))]
    asked = np.array([*points, *corners])
    which, rows = cells.at_all(asked[:, 0], asked[:, 1])
    for n, (x, y) in enumerate(asked.tolist()):
        holding = {k for k, (w, s, e, t) in enumerate(boxes) if w <= x <= e and s <= y <= t}
        assert holding <= set(cells.at(x, y))
        assert holding <= set(rows[which == n].tolist())
        assert list(cells.at(x, y)) == sorted(cells.at(x, y))


# Coordinates that are columns of the finest cells themselves, next to where the first quarterings cut.
CUTS = sorted({max(0, min(SIDE - 1, cut + by)) for cut in (0, SIDE // 4, SIDE // 2, SIDE) for by in (-2, -1, 0, 1, 2)})
CUT = st.sampled_from(CUTS).map(float)
CUT_BOX = st.tuples(CUT, CUT, CUT, CUT).map(ordered)
WHOLE = (0.0, 0.0, SIDE - 1.0, SIDE - 1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(CUT_BOX, min_size=20, max_size=80))
def test_a_box_that_only_touches_a_cut_is_on_both_sides_of_it(boxes):
    cells = Cells(np.array([WHOLE, *boxes]))
    for k, (w, s, e, t) in enumerate(boxes, start=1):
        assert all(k in set(cells.at(x, y)) for x in (w, e) for y in (s, t))


def test_boxes_along_one_line_do_not_fill_the_memory() -> None:
    line = [(0.0, float(n), 0.0, 1_000_000.0) for n in range(12)]
    cells = Cells(np.array([WHOLE, *line]))
    assert len(cells) < 5_000
    assert set(cells.at(0.0, 500_000.0)) == set(range(13))


def test_boxes_that_lie_on_each_other_end_the_quartering() -> None:
    assert len(Cells(np.array([(0.0, 0.0, 1.0, 1.0)] * 500))) == 1


def test_a_town_in_the_country_has_small_cells_and_the_country_large_ones() -> None:
    town = [(x / 1000, y / 1000, (x + 1) / 1000, (y + 1) / 1000) for x in range(60) for y in range(60)]
    cells = Cells(np.array([*town, (0.06, 0.0, 50.0, 50.0)]))
    assert len(cells.at(25.0, 25.0)) == 1
    assert all(len(cells.at(x / 1000 + 0.0005, 0.0305)) <= FEW for x in range(60))
    assert len(cells) < 5 * len(town)


def test_rows_without_a_box_are_in_no_cell() -> None:
    nothing = np.full((3, 4), np.nan)
    assert list(Cells(nothing).at(0, 0)) == []
    assert len(Cells(nothing).at_all(np.zeros(2), np.zeros(2))[0]) == 0
    nothing[1] = (0, 0, 1, 1)
    assert list(Cells(nothing).at(0.5, 0.5)) == [1]
