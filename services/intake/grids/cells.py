"""Cells over a city, finer where its grids are small: which grids may hold a point, by their boxes alone.

A square over all boxes is quartered until few boxes reach into each cell. Cells are kept in the order of a curve that
runs through the quarters (Morton order), so a point's cell is one search in a sorted array. Built with NumPy alone,
which lets go of the interpreter's lock: 0.3 s for 120,000 grids, during which an event loop goes on.
"""

from bisect import bisect_right
from typing import Any, Final

import numpy as np

# Twenty quarterings: cells of 40 cm in a province 400 km wide. None gets that small unless grids do.
LEVELS: Final = 20
SIDE: Final = 1 << LEVELS
# A cell with so few boxes is not quartered: a test of one more box costs less than a level more to search.
FEW: Final = 6
# Quartering that leaves this many times as many boxes to the four parts together (of four times at most) helps nobody:
# the boxes lie on each other.
VAIN: Final = 3
# So many entries a box, and the quartering ends: boxes along one line would go on along it to the finest cells.
# A province has 7 a box.
ROOM: Final = 24


class Cells:
    """`boxes` is west, south, east, north of each grid, one row each; rows of NaN are in no cell."""

    def __init__(self, boxes: Any) -> None:
        drawn = np.flatnonzero(~np.isnan(boxes[:, 0]))
        self.empty = len(drawn) == 0
        if self.empty:
            return
        self.west, self.south = (float(boxes[drawn, n].min()) for n in (0, 1))
        self.east, self.north = (float(boxes[drawn, n].max()) for n in (2, 3))
        self._across = (SIDE - 1) / max(self.east - self.west, 1e-12)
        self._up = (SIDE - 1) / max(self.north - self.south, 1e-12)
        low_x, low_y = self._columns(boxes[drawn, 0]), self._rows(boxes[drawn, 1])
        high_x, high_y = self._columns(boxes[drawn, 2]), self._rows(boxes[drawn, 3])
        leaves = _quarter(low_x, low_y, high_x, high_y)
        order = np.argsort(leaves[0])
        self._codes, self._begins, self._counts = (part[order] for part in leaves[:3])
        self._pool = drawn.astype(np.int32)[leaves[3]]
        # The same memory, for one point at a time: an element of these is a Python number three times as fast.
        self._code, self._begin = memoryview(self._codes), memoryview(self._begins)
        self._count, self._member = memoryview(self._counts), memoryview(self._pool)

    def __len__(self) -> int:
        return 0 if self.empty else len(self._codes)

    def at(self, lon: float, lat: float) -> Any:
        """The rows that may hold a point, rising."""
        if self.empty or not (self.west <= lon <= self.east and self.south <= lat <= self.north):
            return ()
        x = min(int((lon - self.west) * self._across), SIDE - 1)
        y = min(int((lat - self.south) * self._up), SIDE - 1)
        code = _SPREAD[x & 1023] | _SPREAD[x >> 10] << 20 | (_SPREAD[y & 1023] | _SPREAD[y >> 10] << 20) << 1
        cell = bisect_right(self._code, code) - 1
        if cell < 0:
            return ()
        begin = self._begin[cell]
        return self._member[begin : begin + self._count[cell]]

    def at_all(self, lons: Any, lats: Any) -> tuple[Any, Any]:
        """The same for many: numbers of points, rising, and beside each a row that may hold it."""
        if self.empty:
            return np.empty(0, np.int64), np.empty(0, np.int32)
        codes = _spread(self._columns(lons)) | _spread(self._rows(lats)) << 1
        cells = np.maximum(np.searchsorted(self._codes, codes, side="right") - 1, 0)
        counts = self._counts[cells]
        ends = np.cumsum(counts)
        which = np.repeat(np.arange(len(cells)), counts)
        places = np.arange(len(which)) + np.repeat(self._begins[cells] - (ends - counts), counts)
        return which, self._pool[places]

    # One formula for boxes, many points and one: what lies in a box is never sorted to a cell outside it, for the
    # formula never falls where coordinates rise.
    def _columns(self, lons: Any) -> Any:
        return np.clip((lons - self.west) * self._across, 0, SIDE - 1).astype(np.int64)

    def _rows(self, lats: Any) -> Any:
        return np.clip((lats - self.south) * self._up, 0, SIDE - 1).astype(np.int64)


def _quarter(low_x: Any, low_y: Any, high_x: Any, high_y: Any) -> tuple[Any, Any, Any, Any]:
    """First codes, begins and counts of the cells, and the pool of boxes that begins and counts speak of."""
    boxes = np.arange(len(low_x))
    x = y = np.zeros(len(boxes), np.int64)
    done: list[tuple[Any, Any, Any]] = []
    room = ROOM * len(boxes) + 4_096
    for level in range(LEVELS + 1):
        code = _spread(x) | _spread(y) << 1
        firsts = np.flatnonzero(np.concatenate(([True], code[1:] != code[:-1])))
        counts = np.diff(np.append(firsts, len(code)))
        down = LEVELS - level
        parts = _parts(boxes, x, y, low_x, low_y, high_x, high_y, down) if down else []
        within = sum((part.astype(np.int8) for _, _, part in parts), np.zeros(len(boxes), np.int8))
        vain = np.add.reduceat(within, firsts, dtype=np.int64) >= VAIN * counts
        ends = (counts <= FEW) | vain | (down == 0)
        left = int(within[~np.repeat(ends, counts)].sum())
        if left > room - sum(len(each[2]) for each in done):
            ends[:] = True
        whole = np.repeat(ends, counts)
        done.append((code[firsts[ends]] << 2 * down, counts[ends], boxes[whole]))
        if whole.all():
            break
        kept = [(cx[part & ~whole], cy[part & ~whole], boxes[part & ~whole]) for cx, cy, part in parts]
        x, y, boxes = (np.concatenate([part[n] for part in kept]) for n in range(3))
        # Quarter after quarter, and in each the boxes in their order: a stable sort by cell keeps them so.
        order = np.argsort(_spread(x) | _spread(y) << 1, kind="stable")
        x, y, boxes = x[order], y[order], boxes[order]
    counts = np.concatenate([each[1] for each in done])
    return (
        np.concatenate([each[0] for each in done]),
        np.cumsum(counts) - counts,
        counts,
        np.concatenate([each[2] for each in done]),
    )


def _parts(
    boxes: Any, x: Any, y: Any, low_x: Any, low_y: Any, high_x: Any, high_y: Any, down: int
) -> list[tuple[Any, Any, Any]]:
    """The four quarters of each cell: their columns, their rows, and which boxes reach into them."""
    middle_x, middle_y = (2 * x + 1) << (down - 1), (2 * y + 1) << (down - 1)
    across = (low_x[boxes] < middle_x, high_x[boxes] >= middle_x)
    up = (low_y[boxes] < middle_y, high_y[boxes] >= middle_y)
    return [(2 * x + east, 2 * y + north, across[east] & up[north]) for north in (0, 1) for east in (0, 1)]


def _spread(numbers: Any) -> Any:
    """The bits of each number, twenty at the most, with a gap behind each for those of another."""
    found = numbers.astype(np.int64)
    for shift, mask in ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F)):
        found = (found | found << shift) & mask
    found = (found | found << 2) & 0x3333333333333333
    return (found | found << 1) & 0x5555555555555555


_SPREAD: Final[list[int]] = _spread(np.arange(1024)).tolist()
