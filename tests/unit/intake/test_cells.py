"""The cells that an index searches: what they name holds every box that a point lies in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.grids.cells import FEW, Cells

EDGE = st.floats(-10, 10, allow_nan=False)
BOX = st.tuples(EDGE, EDGE, EDGE, EDGE).map(
    lambda e: (min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]), max(e[1], e[3]))
)


@settings(max_examples=60)
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
