"""Sizes and places of shapes, good enough to judge a tolerance and to find the spot.

Areas are compared in square metres on a local flat earth (a degree of latitude is 111,320 m; one of longitude is
shortened by the cosine of the latitude): good to 1 % at the size of a grid, and tolerances are rounder than that.
"""

from typing import Any, Final

import numpy as np
import shapely

from shared.kernel.place import Place

METRES: Final = 111_320.0


def square_metres(shapes: Any) -> Any:
    """The area of each shape; 0 where there is none."""
    bounds = np.nan_to_num(shapely.bounds(shapes))
    latitude = (bounds[..., 1] + bounds[..., 3]) / 2
    return shapely.area(shapes) * METRES * METRES * np.cos(np.radians(latitude))


def place_of(shape: Any) -> Place | None:
    """A point inside the largest part of a shape."""
    parts = shapely.get_parts(shape)
    if len(parts) == 0:
        return None
    at = shapely.point_on_surface(parts[np.argmax(shapely.area(parts))])
    return None if at.is_empty else Place(float(at.x), float(at.y))


def text_of(place: Place | None) -> str:
    return "?" if place is None else f"{place.lon:.6f}, {place.lat:.6f}"
