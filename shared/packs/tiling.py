"""Cutting an outline into areas, again and again, until each has its share: exact, so no gap and no overlap.

Areas are rectangles on a lattice of whole numbers: rows are latitudes in millionths of a degree, columns run from 0 at
the western edge of the outline to COLUMNS at its eastern edge. A cut is a whole number, shared by both sides. Only the
drawn ring knows about degrees; it passes through every corner on its edge, so neighbours share all their vertices.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from math import cos, radians
from typing import NamedTuple, TypeVar

COLUMNS = 1_000_000
_MICRO = 1_000_000
_ROW = 500  # the step, in millionths of a degree, at which the outline's area is summed up: 55 m


class Rect(NamedTuple):
    west: int
    south: int
    east: int
    north: int


T = TypeVar("T")


class Outline:
    """A shape given by its western and eastern edge at rising latitudes, straight in between."""

    def __init__(self, rows: Sequence[tuple[float, float, float]]) -> None:
        self._lats = [round(lat * _MICRO) for lat, _, _ in rows]
        self._rows = rows
        self.whole = Rect(0, self._lats[0], COLUMNS, self._lats[-1])
        self._sums_at = list(range(self._lats[0], self._lats[-1] + 1, _ROW))
        widths = [east - west for west, east in map(self.edges, self._sums_at)]
        self._sums = [0.0, *accumulate((a + b) / 2 for a, b in pairwise(widths))]

    def edges(self, row: int) -> tuple[float, float]:
        """Western and eastern longitude at a row."""
        i = min(max(bisect_right(self._lats, row) - 1, 0), len(self._lats) - 2)
        (_, w0, e0), (_, w1, e1) = self._rows[i], self._rows[i + 1]
        part = (row - self._lats[i]) / (self._lats[i + 1] - self._lats[i])
        return w0 + (w1 - w0) * part, e0 + (e1 - e0) * part

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        """Where a point lies on the lattice: column, row."""
        west, east = self.edges(round(lat * _MICRO))
        return (lon - west) / (east - west) * COLUMNS, lat * _MICRO

    def inside(self, rect: Rect, across: float, up: float) -> tuple[float, float]:
        """Longitude and latitude of a point: `across` of the way to the east of `rect`, `up` of that to its north."""
        row = rect.south + round((rect.north - rect.south) * up)
        west, east = self.edges(row)
        column = rect.west + (rect.east - rect.west) * across
        return round(west + (east - west) * column / COLUMNS, 6), row / _MICRO

    def is_wide(self, rect: Rect) -> bool:
        """Whether it reaches further from west to east than from south to north, on the ground."""
        middle = (rect.south + rect.north) // 2
        west, east = self.edges(middle)
        width = (east - west) * (rect.east - rect.west) / COLUMNS * cos(radians(middle / _MICRO))
        return width > (rect.north - rect.south) / _MICRO

    def cut(self, rect: Rect, share: float) -> tuple[Rect, Rect]:
        """Two parts across the longer side; the western or southern one has `share` of the area."""
        if self.is_wide(rect):
            column = rect.west + round((rect.east - rect.west) * share)
            return rect._replace(east=column), rect._replace(west=column)
        below, above = self._sum(rect.south), self._sum(rect.north)
        row = self._row_with(below + (above - below) * share)
        return rect._replace(north=row), rect._replace(south=row)

    def _sum(self, row: int) -> float:
        i, rest = divmod(row - self._sums_at[0], _ROW)
        return self._sums[i] + ((self._sums[i + 1] - self._sums[i]) * rest / _ROW if rest else 0.0)

    def _row_with(self, area: float) -> int:
        i = min(max(bisect_right(self._sums, area) - 1, 0), len(self._sums) - 2)
        step = (area - self._sums[i]) / (self._sums[i + 1] - self._sums[i])
        return round(self._sums_at[i] + step * _ROW)


def divide(
    outline: Outline,
    rect: Rect,
    items: Sequence[T],
    share: Callable[[T], float],
    anchor: Callable[[T], tuple[float, float]] | None = None,
) -> Iterator[tuple[T, Rect]]:
    """Give every item a part of `rect` as large as its share; with `anchor`, about where that lies (column, row)."""
    if len(items) == 1:
        yield items[0], rect
        return
    if anchor is not None:
        axis = 0 if outline.is_wide(rect) else 1
        items = sorted(items, key=lambda item: anchor(item)[axis])
    sums = list(accumulate(map(share, items)))
    at = min(range(1, len(items)), key=lambda i: abs(sums[i - 1] - sums[-1] / 2))
    first, second = outline.cut(rect, sums[at - 1] / sums[-1])
    yield from divide(outline, first, items[:at], share, anchor)
    yield from divide(outline, second, items[at:], share, anchor)


def rings(outline: Outline, smallest: Iterable[Rect]) -> Callable[[Rect], list[list[float]]]:
    """A function that draws any rectangle made of the `smallest` ones, as a closed ring of degrees, anticlockwise."""
    on_row: dict[int, set[int]] = defaultdict(set)
    on_column: dict[int, set[int]] = defaultdict(set)
    for west, south, east, north in smallest:
        on_row[south].update((west, east))
        on_row[north].update((west, east))
        on_column[west].update((south, north))
        on_column[east].update((south, north))
    columns_of = {row: sorted(columns) for row, columns in on_row.items()}
    rows_of = {column: sorted(rows) for column, rows in on_column.items()}
    edges_of = {row: outline.edges(row) for row in columns_of}

    def degrees(column: int, row: int) -> list[float]:
        west, east = edges_of[row]
        return [round(west + (east - west) * column / COLUMNS, 6), row / _MICRO]

    def ring(rect: Rect) -> list[list[float]]:
        west, south, east, north = rect
        drawn = [degrees(column, south) for column in _between(columns_of[south], west, east)]
        drawn += [degrees(east, row) for row in _between(rows_of[east], south, north)]
        drawn += [degrees(column, north) for column in reversed(_between(columns_of[north], west, east))]
        drawn += [degrees(west, row) for row in reversed(_between(rows_of[west], south, north))]
        return [drawn[0], *(b for a, b in pairwise(drawn) if a != b)]

    return ring


def _between(numbers: list[int], low: int, high: int) -> list[int]:
    return numbers[bisect_left(numbers, low) : bisect_right(numbers, high)]
