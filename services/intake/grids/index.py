"""Point → grid, in memory."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely

from shared.kernel.errors import Unavailable
from shared.kernel.place import Place


class Grid(NamedTuple):
    """A unit grid 单元网格: where points are placed. `geometry` is WKB; `centre` a point inside it."""

    path: str
    geometry: bytes | None
    centre: Place | None


class GridIndex:
    """The grids of one version of the areas. Immutable: a new version is a new index, swapped in whole.

    Built in 20 ms for 8,649 grids; a look-up then takes 9 µs, 1.3 µs a place for many at once.
    """

    def __init__(self, grids: Sequence[Grid], version: int) -> None:
        self.version = version
        self._centres = {grid.path: grid.centre for grid in grids}
        # The national 15-digit id of a unit grid is its path without the dots.
        self._codes = {grid.path.replace(".", ""): grid.path for grid in grids}
        drawn = [grid for grid in grids if grid.geometry is not None]
        self._paths = [grid.path for grid in drawn]
        self._tree = shapely.STRtree(shapely.from_wkb([grid.geometry for grid in drawn]))

    def __len__(self) -> int:
        return len(self._centres)

    def locate(self, place: Place) -> str | None:
        """The grid that holds `place`; of several on whose common edge it lies, the first in path order."""
        found = self._tree.query(shapely.Point(place.lon, place.lat), predicate="intersects")
        if len(found) == 0:
            return None
        path: str = self._paths[found[0]] if len(found) == 1 else min(self._paths[n] for n in found)
        return path

    def locate_all(self, places: Sequence[Place]) -> list[str | None]:
        """The same for many places at once."""
        answer: list[str | None] = [None] * len(places)
        if not places:
            return answer
        points = shapely.points(np.asarray(places, dtype=float))
        which, where = self._tree.query(points, predicate="intersects")
        for n, found in zip(which.tolist(), where.tolist(), strict=True):
            path, before = self._paths[found], answer[n]
            answer[n] = path if before is None else min(before, path)
        return answer

    def path_of(self, grid: str) -> str | None:
        """The path of a grid named by its path, or by its national id."""
        return grid if grid in self._centres else self._codes.get(grid)

    def centre_of(self, path: str) -> Place | None:
        """A point inside the grid; None if the grid is unknown or has neither geometry nor a place."""
        return self._centres.get(path)


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

    async def ready(self) -> None:
        """A readiness check: raises until an index was built once, in a process that is to build one."""
        if self.expected and self._current is None:
            raise RuntimeError("the index of grids is not built yet")
