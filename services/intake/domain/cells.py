"""Places on a line: a cell is the Z-order number of a place, so that an ordinary index finds what lies near it.

Longitude and latitude are cut into 2³¹ steps each (2 cm or finer) and their bits woven together; a square whose side is
a power of two of steps is then one run of numbers. A search asks for a few runs and measures what it finds.
"""

from math import cos, radians, sqrt
from typing import Final, NamedTuple

_BITS: Final = 31
_STEPS: Final = 1 << _BITS
_LAST: Final = _STEPS - 1
_MOST_SQUARES: Final = 64
# WGS 84.
_AXIS_M: Final = 6378137.0
_ECCENTRICITY_2: Final = 6.69437999014e-3


class Run(NamedTuple):
    """Cells from `low` to `high`, both included."""

    low: int
    high: int


class Box(NamedTuple):
    """Degrees, WGS 84."""

    west: float
    south: float
    east: float
    north: float


def cell_of(lon: float, lat: float) -> int:
    """The cell of a place, 62 bits. Places at +180° and +90° are in the last one."""
    return _spread(_step((lon + 180.0) / 360.0)) | _spread(_step((lat + 90.0) / 180.0)) << 1


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Of longitude and of latitude at `lat`. Good to a millimetre within 500 m of it."""
    phi = radians(lat)
    w = 1.0 - _ECCENTRICITY_2 * (1.0 - cos(phi) ** 2)
    across = _AXIS_M / sqrt(w) * cos(phi)
    along = _AXIS_M * (1.0 - _ECCENTRICITY_2) / (w * sqrt(w))
    return radians(across), radians(along)


def box_around(lon: float, lat: float, metres: float) -> Box:
    """The box that holds everything within `metres`. It ends at the poles and at the date line."""
    per_lon, per_lat = metres_per_degree(lat)
    d_lat = metres / per_lat
    d_lon = min(metres / per_lon, 360.0) if per_lon > 1e-6 else 360.0
    return Box(max(lon - d_lon, -180.0), max(lat - d_lat, -90.0), min(lon + d_lon, 180.0), min(lat + d_lat, 90.0))


def runs(box: Box, most: int = 12) -> list[Run]:
    """Runs of cells that hold every place of `box`, in order, `most` at the most; they hold others near it, too.

    Squares of the largest size are quartered and quartered again while they are few enough.
    """
    west, east = _step((box.west + 180.0) / 360.0), _step((box.east + 180.0) / 360.0)
    south, north = _step((box.south + 90.0) / 180.0), _step((box.north + 90.0) / 180.0)
    level = max((max(east - west, north - south)).bit_length() - 1, 0)
    found = _squares(west, south, east, north, level)
    while level:
        level -= 1
        across, along = (east >> level) - (west >> level) + 1, (north >> level) - (south >> level) + 1
        if across * along > _MOST_SQUARES:  # joined they may be few, as those of the whole earth are
            return found
        finer = _squares(west, south, east, north, level)
        if len(finer) > most:
            return found
        found = finer
    return found


def _squares(west: int, south: int, east: int, north: int, level: int) -> list[Run]:
    """The squares of 2^level steps that touch the box, those that follow one another joined."""
    size = 1 << 2 * level
    starts = sorted(
        _spread(x << level) | _spread(y << level) << 1
        for x in range(west >> level, (east >> level) + 1)
        for y in range(south >> level, (north >> level) + 1)
    )
    joined: list[Run] = []
    for start in starts:
        if joined and joined[-1].high + 1 == start:
            joined[-1] = Run(joined[-1].low, start + size - 1)
        else:
            joined.append(Run(start, start + size - 1))
    return joined


def _step(share: float) -> int:
    return min(max(int(share * _STEPS), 0), _LAST)


def _spread(n: int) -> int:
    """The bits of `n`, 31 at most, at every second place."""
    n = (n | n << 16) & 0x0000FFFF0000FFFF
    n = (n | n << 8) & 0x00FF00FF00FF00FF
    n = (n | n << 4) & 0x0F0F0F0F0F0F0F0F
    n = (n | n << 2) & 0x3333333333333333
    return (n | n << 1) & 0x5555555555555555
