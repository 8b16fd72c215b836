"""The geometry of a file: read, brought to WGS 84, and refused where it can be no area of a city."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import orjson
import shapely

from services.intake.domain.area import Finding, Kind
from services.intake.grids.datums import shapes_to_wgs84
from shared.kernel.place import Datum

# An area travels as one event, which a topic takes up to 900 kB: 20,000 corners of 40 bytes. An outline to the metre of
# a large district has 5,000.
MOST_CORNERS: Final = 20_000
# What reading a text may raise: GEOS's own, and shapely's for what is no text of a geometry at all, or of a curved one.
_UNREADABLE = (shapely.errors.GEOSException, ValueError, TypeError, NotImplementedError)


def text_of(geometry: Mapping[str, Any]) -> bytes:
    """GeoJSON as `read_shapes` takes it. What JSON itself has no room for (300 arrays in each other, a number of a
    hundred digits) is no geometry either, and is refused as one that cannot be read.
    """
    try:
        return orjson.dumps(geometry)
    except TypeError:
        return b"{}"


def read_shapes(
    texts: list[bytes | str | None], where: list[str], datum: Datum, found: list[Finding]
) -> list[bytes | None]:
    """WKB of each, WGS 84; GeoJSON comes as bytes, WKT as str. What cannot be is added to `found`, and None here."""
    if not texts:
        return []
    shapes = _read(texts, where, found)
    for n, message, kind in _impossible(shapes):
        found.append(Finding(where[n], message, kind))
        shapes[n] = None
    flat = shapes_to_wgs84(shapely.force_2d(shapely.normalize(shapes)), datum)
    return [None if shape is None else bytes(shape) for shape in shapely.to_wkb(flat)]


def _read(texts: list[bytes | str | None], where: list[str], found: list[Finding]) -> Any:
    """One call for all, one by one only to name what is wrong."""
    shapes = np.full(len(texts), None, dtype=object)
    json = [n for n, text in enumerate(texts) if isinstance(text, bytes)]
    wkt = [n for n, text in enumerate(texts) if isinstance(text, str)]
    # NumPy warns of what is no number, or too large for one; it is refused with its line in a moment.
    with np.errstate(all="ignore"):
        for rows, read in ((json, shapely.from_geojson), (wkt, shapely.from_wkt)):
            try:
                shapes[rows] = read([texts[n] for n in rows])
            except _UNREADABLE:
                for n in rows:
                    shapes[n] = _one(read, texts[n], where[n], found)
    return shapes


def _one(read: Any, text: bytes | str | None, where: str, found: list[Finding]) -> Any:
    try:
        return read(text)
    except _UNREADABLE as error:
        found.append(Finding(where, f"geometry cannot be read: {str(error)[:120]}", Kind.GEOMETRY))
        return None


def _impossible(shapes: Any) -> list[tuple[int, str, Kind]]:
    """Which shapes are on no map, why, and what would be right."""
    corners, owner = shapely.get_coordinates(shapes, return_index=True)
    endless = set(owner[~np.isfinite(corners).all(axis=1)].tolist())
    counts = shapely.get_num_coordinates(shapes)
    box = np.nan_to_num(shapely.bounds(shapes))  # NaN where there is no geometry
    west, south, east, north = box.T
    off = (west < -180) | (east > 180) | (south < -90) | (north > 90)
    swapped = off & (south >= -180) & (north <= 180) & (west >= -90) & (east <= 90)
    wide = ~off & (east - west > 180)
    found = []
    for n in sorted(endless | set(np.flatnonzero(off | wide | (counts > MOST_CORNERS)).tolist())):
        if n in endless:
            message, kind = "a coordinate is no number", Kind.GEOMETRY
        elif swapped[n]:
            message = "latitude and longitude are swapped: longitude comes first, as in [116.31, 39.98]"
            kind = Kind.PLACE
        elif off[n]:
            message = "coordinates must be longitude, latitude in degrees WGS 84 (or of the datum that is named)"
            kind = Kind.PLACE
        elif wide[n]:
            message = (
                f"it reaches from {west[n]:g} to {east[n]:g} degrees of longitude: an area of a city does not cross the"
                " 180th meridian"
            )
            kind = Kind.PLACE
        else:
            message = f"it has {counts[n]:,} corners, and {MOST_CORNERS:,} are the most: simplify its outline"
            kind = Kind.GEOMETRY
        found.append((n, message, kind))
    return found
