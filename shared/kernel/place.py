"""Coordinates: whatever datum a client speaks, inside there is only WGS 84.

GCJ-02 (国测局坐标, used by Chinese maps) shifts WGS 84 by a formula nobody published and everybody knows, in mainland
China only; BD-09 (Baidu) shifts GCJ-02 once more. CGCS2000 is taken as equal to WGS 84: `ERROR_M` has what that costs.
The forward shift has a closed form; the way back is a fixed-point iteration that contracts about 100 times a step.
"""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from math import fabs
from typing import Any, Final, NamedTuple


class Datum(StrEnum):
    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"


class Place(NamedTuple):
    """Degrees, WGS 84."""

    lon: float
    lat: float


ERROR_M: Final[Mapping[Datum, float]] = {Datum.WGS84: 0.0, Datum.CGCS2000: 1.0, Datum.GCJ02: 1.0, Datum.BD09: 2.0}
"""How many metres a converted place may be off, beside what it was off before; docs/areas.md has where from.

CGCS2000 is the frame of 2000.0, and China has moved by 3 to 4 cm a year since (doi:10.1186/s43020-020-00032-w); today's
WGS 84 moves with the Earth. The other two are measured against what the maps' own services answer.
"""

# Krasovsky 1940, the ellipsoid the shift is computed on.
_AXIS = 6378245.0
_ECCENTRICITY_2 = 0.00669342162296594323
# Where the shift is defined; outside it GCJ-02 is WGS 84. West, south, east, north.
SHIFTED: Final = (72.004, 0.8293, 137.8347, 55.8271)
# 1e-9 degrees is a tenth of a millimetre; reached in 4 or 5 steps.
_CLOSE_ENOUGH = 1e-9
_STEPS = 12

Shift = Callable[[Any, Any], tuple[Any, Any]]


def shifts(maths: Any) -> tuple[Shift, Shift]:
    """The shift of GCJ-02 from WGS 84 and that of BD-09 from GCJ-02, both (lon, lat) → (lon, lat), by the functions of
    `maths`: `math` for one point, NumPy for arrays of them. The first knows no border.
    """
    atan2, cos, pi, sin, sqrt, absolute = maths.atan2, maths.cos, math.pi, maths.sin, maths.sqrt, maths.fabs
    bd_pi = pi * 3000.0 / 180.0

    def north(x: Any, y: Any) -> Any:
        shift = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(absolute(x))
        shift += (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
        shift += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
        return shift + (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0

    def east(x: Any, y: Any) -> Any:
        shift = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(absolute(x))
        shift += (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
        shift += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
        return shift + (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0

    def gcj02(lon: Any, lat: Any) -> tuple[Any, Any]:
        x, y = lon - 105.0, lat - 35.0
        phi = lat / 180.0 * pi
        w = 1 - _ECCENTRICITY_2 * sin(phi) ** 2
        d_lat = north(x, y) * 180.0 / ((_AXIS * (1 - _ECCENTRICITY_2)) / (w * sqrt(w)) * pi)
        d_lon = east(x, y) * 180.0 / (_AXIS / sqrt(w) * cos(phi) * pi)
        return lon + d_lon, lat + d_lat

    def bd09(lon: Any, lat: Any) -> tuple[Any, Any]:
        z = sqrt(lon * lon + lat * lat) + 0.00002 * sin(lat * bd_pi)
        theta = atan2(lat, lon) + 0.000003 * cos(lon * bd_pi)
        return z * cos(theta) + 0.0065, z * sin(theta) + 0.006

    return gcj02, bd09


_gcj02, _bd09 = shifts(math)


def to_wgs84(lon: float, lat: float, datum: Datum) -> Place:
    """The same place in WGS 84."""
    if datum is Datum.WGS84 or datum is Datum.CGCS2000:
        return Place(lon, lat)
    if datum is Datum.BD09:
        lon, lat = _back(gcj02_to_bd09, lon, lat, lon - 0.0065, lat - 0.006)
    return _back(wgs84_to_gcj02, lon, lat, lon, lat)


def wgs84_to_gcj02(lon: float, lat: float) -> Place:
    """The published shift; the identity outside the rectangle it is defined on."""
    west, south, east, north = SHIFTED
    if not (west <= lon <= east and south <= lat <= north):
        return Place(lon, lat)
    return Place(*_gcj02(lon, lat))


def gcj02_to_bd09(lon: float, lat: float) -> Place:
    return Place(*_bd09(lon, lat))


def _back(shift: Callable[[float, float], Place], lon: float, lat: float, at_lon: float, at_lat: float) -> Place:
    """The place that `shift` brings to `lon`, `lat`, sought from `at_lon`, `at_lat`."""
    for _ in range(_STEPS):
        shifted = shift(at_lon, at_lat)
        off_lon, off_lat = shifted.lon - lon, shifted.lat - lat
        at_lon, at_lat = at_lon - off_lon, at_lat - off_lat
        if fabs(off_lon) < _CLOSE_ENOUGH and fabs(off_lat) < _CLOSE_ENOUGH:
            break
    return Place(at_lon, at_lat)
