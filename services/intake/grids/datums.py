"""Whole shapes brought to WGS 84: the shifts of `shared.kernel.place`, for arrays of corners."""

from typing import Any

import numpy as np
import shapely

from shared.kernel.place import SHIFTED, Datum, shifts

_gcj02, _bd09 = shifts(np)
# As many as bring any point in China within a tenth of a millimetre; the way back contracts 100 times a step.
_STEPS = 6


def to_wgs84_all(points: Any, datum: Datum) -> Any:
    """Longitudes and latitudes, one row each, in WGS 84."""
    if datum in (Datum.WGS84, Datum.CGCS2000) or len(points) == 0:
        return points
    if datum is Datum.BD09:
        points = _back(_bd09, points, points - (0.0065, 0.006))
    return _back(_gcj02_inside, points, points)


def shapes_to_wgs84(shapes: Any, datum: Datum) -> Any:
    """The same shapes with every corner in WGS 84: 2 µs a corner."""
    if datum in (Datum.WGS84, Datum.CGCS2000):
        return shapes
    return shapely.transform(shapes, lambda points: to_wgs84_all(points, datum))


def _gcj02_inside(lon: Any, lat: Any) -> tuple[Any, Any]:
    west, south, east, north = SHIFTED
    inside = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    # Elsewhere the formula may divide by nothing: it is given a place where it does not.
    shifted = _gcj02(np.where(inside, lon, 105.0), np.where(inside, lat, 35.0))
    return np.where(inside, shifted[0], lon), np.where(inside, shifted[1], lat)


def _back(shift: Any, points: Any, guess: Any) -> Any:
    for _ in range(_STEPS):
        guess = guess - (np.column_stack(shift(guess[:, 0], guess[:, 1])) - points)
    return guess
