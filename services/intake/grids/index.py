"""Point → grid, in memory."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np
import shapely

from services.intake.grids.cells import Cells
from shared.kernel.errors import Unavailable
from shared.kernel.place import Place

# Shapes are read, and let go, so many at a time: each part holds the interpreter for a millisecond, between them others
# run.
PART: Final = 500
# A shape with more corners is searched through an index of its own, made when a point first asks for it.
MANY_CORNERS: Final = 60
# Points looked up in one go: what is computed on the way stays in the processor's cache.
AT_ONCE: Final = 1 << 14


class Grid(NamedTuple):
    """A unit grid 单元网格: where points are placed. `geometry` is WKB; `centre` a point inside it."""

    path: str
    geometry: bytes | None
    centre: Place | None


class ReadGrids(NamedTuple):
    """Up to `PART` grids with their geometry read, in the order in which they came."""

    paths: list[str]
    shapes: Any
    centres: Any


def read_part(grids: Sequence[Grid]) -> ReadGrids:
    """The geometry of a part, read. Boxes and centres are NaN where there are none."""
    shapes = np.empty(len(grids), dtype=object)
    shapes[:] = shapely.from_wkb([grid.geometry for grid in grids])
    centres = np.array([grid.centre or (np.nan, np.nan) for grid in grids], dtype=float).reshape(-1, 2)
    return ReadGrids([grid.path for grid in grids], shapes, centres)


class GridIndex:
    """The grids of one version of the areas. Immutable: a new version is a new index, swapped in whole.

    A look-up asks the cells which grids may hold the point, and those grids whether they do.
    """

    def __init__(self, grids: Iterable[Grid], version: int) -> None:
        ordered = iter(sorted(grids, key=lambda grid: grid.path))
        parts = []
        while part := list(islice(ordered, PART)):
            parts.append(read_part(part))
        self._fill(parts, version)

    @classmethod
    def of_parts(cls, parts: Sequence[ReadGrids], version: int) -> "GridIndex":
        """The index of grids that were read part by part, in the order of their paths."""
        index = cls.__new__(cls)
        index._fill(parts, version)
        return index

    def _fill(self, parts: Sequence[ReadGrids], version: int) -> None:
        self.version = version
        self._paths: list[str] = []
        self._rows: dict[str, int] = {}
        self._shapes = np.empty(sum(len(part.paths) for part in parts), dtype=object)
        for part in parts:
            begin = len(self._paths)
            self._paths += part.paths
            self._rows.update(zip(part.paths, range(begin, len(self._paths)), strict=True))
            self._shapes[begin : len(self._paths)] = part.shapes
        self._centres = np.concatenate([part.centres for part in parts]) if parts else np.empty((0, 2))
        # Where the dots stand in a path: nearly always alike, such as 6-3-3-3 digits.
        self._forms = {tuple(map(len, path.split("."))) for path in self._paths}
        boxes = np.empty((len(self._paths), 4))
        for begin in range(0, len(self._paths), PART):
            some = self._shapes[begin : begin + PART]
            boxes[begin : begin + PART] = shapely.bounds(some)
            shapely.prepare(some[shapely.get_num_coordinates(some) > MANY_CORNERS])
        self._boxes = np.ascontiguousarray(boxes.T)
        self._west, self._south, self._east, self._north = (memoryview(side) for side in self._boxes)
        self._cells = Cells(boxes)

    def __len__(self) -> int:
        return len(self._paths)

    def locate(self, place: Place) -> str | None:
        """The grid that holds `place`; of several on whose common edge it lies, the first in path order."""
        lon, lat = place
        for row in self._cells.at(lon, lat):
            if (
                self._west[row] <= lon <= self._east[row]
                and self._south[row] <= lat <= self._north[row]
                and shapely.intersects_xy(self._shapes[row], lon, lat)
            ):
                path: str = self._paths[row]
                return path
        return None

    def locate_all(self, places: Sequence[Place]) -> list[str | None]:
        """The same for many places at once."""
        if not places:
            return []
        points = np.asarray(places, dtype=float)
        paths = self._paths
        return [None if row < 0 else paths[row] for row in self.rows_at(points[:, 0], points[:, 1]).tolist()]

    def rows_at(self, lons: Any, lats: Any) -> Any:
        """The same as an array of rows in path order; -1 for a point in no grid."""
        found = np.full(len(lons), -1, np.int32)
        for begin in range(0, len(lons), AT_ONCE):
            some = slice(begin, begin + AT_ONCE)
            self._locate_some(lons[some], lats[some], found[some])
        return found

    def _locate_some(self, lons: Any, lats: Any, found: Any) -> None:
        which, rows = self._cells.at_all(lons, lats)
        west, south, east, north = self._boxes
        x, y = lons[which], lats[which]
        boxed = (west[rows] <= x) & (x <= east[rows]) & (south[rows] <= y) & (y <= north[rows])
        which, rows = which[boxed], rows[boxed]
        held = shapely.intersects_xy(self._shapes[rows], x[boxed], y[boxed])
        # Rows rise for each point, and of several written to one place the last stays: so written from behind.
        found[which[held][::-1]] = rows[held][::-1]

    def path_of(self, grid: str) -> str | None:
        """The path of a grid named by its path, or by its national id: the path of 15 digits without the dots."""
        if grid in self._rows:
            return grid
        for form in self._forms:
            if sum(form) == len(grid):
                begins = [sum(form[:n]) for n in range(len(form))]
                path = ".".join(grid[begin : begin + length] for begin, length in zip(begins, form, strict=True))
                if path in self._rows:
                    return path
        return None

    def path_at(self, row: int) -> str:
        return self._paths[row]

    def centre_of(self, path: str) -> Place | None:
        """A point inside the grid; None if the grid is unknown or has neither geometry nor a place."""
        row = self._rows.get(path)
        if row is None:
            return None
        lon, lat = self._centres[row].tolist()
        return None if lon != lon else Place(lon, lat)

    def held_parts(self) -> list[Any]:
        """All that takes long to free, in parts: whoever holds them can drop them one by one after the index."""
        parts: list[Any] = []
        for begin in range(0, len(self._paths), PART):
            parts += [list(self._shapes[begin : begin + PART]), self._paths[begin : begin + PART]]
        return parts


def let_go(parts: list[Any]) -> None:
    """Free what an index held, a part at a time. For a thread: at once it would stop everybody for 50 ms."""
    while parts:
        parts.pop()


class GridsNotRead(Unavailable):
    slug, title, title_zh = "areas-not-read", "The areas are still being read", "区域数据正在加载"


class Grids:
    """Holds the index in use. Readers take `current` once and keep to it for the length of what they do."""

    def __init__(self) -> None:
        self._current: GridIndex | None = None
        self.expected = False

    @property
    def current(self) -> GridIndex:
        """Raises GridsNotRead in a process that has just begun: until the areas are read, no place is outside them."""
        if self._current is None:
            raise GridsNotRead("this process is starting; send the same request again", facts={"retry_after": 1})
        return self._current

    @property
    def version(self) -> int:
        """The version of the areas in use; -1 before the first."""
        return -1 if self._current is None else self._current.version

    def swap(self, index: GridIndex) -> None:
        self._current = index

    def held_parts(self) -> list[Any]:
        """Those of the index in use; see `GridIndex.held_parts`."""
        return [] if self._current is None else self._current.held_parts()

    async def ready(self) -> None:
        """A readiness check: raises until an index was built once, in a process that is to build one."""
        if self.expected and self._current is None:
            raise RuntimeError("the index of grids is not built yet")
