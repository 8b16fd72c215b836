"""Coordinates: whatever datum a client speaks, inside there is only WGS 84.

GCJ-02 (国测局坐标, used by Chinese maps) shifts WGS 84 by a formula nobody published and everybody knows, in mainland
China only; BD-09 (Baidu) shifts GCJ-02 once more. CGCS2000 differs from WGS 84 by centimetres: taken as equal.
The forward shift has a closed form; the way back is a fixed-point iteration that contracts about 100 times a step.
"""

from enum import StrEnum
from math import atan2, cos, fabs, pi, sin, sqrt
from typing import NamedTuple


class Datum(StrEnum):
    WGS84 = "wgs84"
    CGCS2000 = "cgcs2000"
    GCJ02 = "gcj02"
    BD09 = "bd09"


class Place(NamedTuple):
    """Degrees, WGS 84."""

    lon: float
    lat: float


# Krasovsky 1940, the ellipsoid the shift is computed on.
_AXIS = 6378245.0
_ECCENTRICITY_2 = 0.00669342162296594323
_BD_PI = pi * 3000.0 / 180.0
# 1e-9 degrees is a tenth of a millimetre; reached in 4 or 5 steps.
_CLOSE_ENOUGH = 1e-9
_STEPS = 12


def to_wgs84(lon: float, lat: float, datum: Datum) -> Place:
    """The same place in WGS 84."""
    if datum is Datum.WGS84 or datum is Datum.CGCS2000:
        return Place(lon, lat)
    if datum is Datum.BD09:
        lon, lat = _bd09_to_gcj02(lon, lat)
    return _gcj02_to_wgs84(lon, lat)


def wgs84_to_gcj02(lon: float, lat: float) -> Place:
    """The published shift; the identity outside the rectangle it is defined on."""
    if not (72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271):
        return Place(lon, lat)
    x, y = lon - 105.0, lat - 35.0
    d_lat, d_lon = _shift_lat(x, y), _shift_lon(x, y)
    phi = lat / 180.0 * pi
    w = 1 - _ECCENTRICITY_2 * sin(phi) ** 2
    d_lat = d_lat * 180.0 / ((_AXIS * (1 - _ECCENTRICITY_2)) / (w * sqrt(w)) * pi)
    d_lon = d_lon * 180.0 / (_AXIS / sqrt(w) * cos(phi) * pi)
    return Place(lon + d_lon, lat + d_lat)


def gcj02_to_bd09(lon: float, lat: float) -> Place:
    z = sqrt(lon * lon + lat * lat) + 0.00002 * sin(lat * _BD_PI)
    theta = atan2(lat, lon) + 0.000003 * cos(lon * _BD_PI)
    return Place(z * cos(theta) + 0.0065, z * sin(theta) + 0.006)


def _gcj02_to_wgs84(lon: float, lat: float) -> Place:
    at_lon, at_lat = lon, lat
    for _ in range(_STEPS):
        shifted = wgs84_to_gcj02(at_lon, at_lat)
        off_lon, off_lat = shifted.lon - lon, shifted.lat - lat
        at_lon, at_lat = at_lon - off_lon, at_lat - off_lat
        if fabs(off_lon) < _CLOSE_ENOUGH and fabs(off_lat) < _CLOSE_ENOUGH:
            break
    return Place(at_lon, at_lat)


def _bd09_to_gcj02(lon: float, lat: float) -> Place:
    at_lon, at_lat = lon - 0.0065, lat - 0.006
    for _ in range(_STEPS):
        shifted = gcj02_to_bd09(at_lon, at_lat)
        off_lon, off_lat = shifted.lon - lon, shifted.lat - lat
        at_lon, at_lat = at_lon - off_lon, at_lat - off_lat
        if fabs(off_lon) < _CLOSE_ENOUGH and fabs(off_lat) < _CLOSE_ENOUGH:
            break
    return Place(at_lon, at_lat)


def _shift_lat(x: float, y: float) -> float:
    shift = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(fabs(x))
    shift += (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    shift += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    return shift + (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0


def _shift_lon(x: float, y: float) -> float:
    shift = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(fabs(x))
    shift += (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    shift += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    return shift + (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
