"""What areas are that are not where they say: longitude and latitude swapped, or another datum than the one named."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import shapely

from services.intake.domain.area import Finding, GivenArea, Kind
from services.intake.grids.datums import shapes_to_wgs84
from shared.kernel.place import Datum, Place

SHIFTED: Final = (Datum.GCJ02, Datum.BD09)
# Looked at so many, spread over the file: whole files are of one datum, and one that is not shows in every part.
LOOKED_AT: Final = 400
# The shift is 100 to 700 m: a grid that is not where it was covers less than this of what it was, and read with the
# right datum more than that.
MISSED, MET = 0.7, 0.95


def misplaced(given: Sequence[GivenArea], known: Mapping[str, bytes]) -> list[Finding]:
    """Drawn areas far from the city that lie in it once longitude and latitude are swapped.

    The city is where its areas are, or, if it has none, where most of the file lies.
    """
    drawn = [area for area in given if area.geometry is not None]
    if not drawn:
        return []
    shapes: Any = shapely.from_wkb([area.geometry for area in drawn])
    box = shapely.bounds(shapes)
    middles = (box[:, :2] + box[:, 2:]) / 2
    paths = {str(area.path) for area in drawn}
    others = [wkb for path, wkb in known.items() if path not in paths]
    if others:
        west, south, east, north = shapely.total_bounds(shapely.from_wkb(others))
    else:
        (west, south), (east, north) = np.quantile(middles, 0.1, axis=0), np.quantile(middles, 0.9, axis=0)
    # A city grows at its edges, by less than it is wide.
    room = max(east - west, north - south, 0.5)
    low, high = np.array([west - room, south - room]), np.array([east + room, north + room])
    far = ~((middles >= low) & (middles <= high)).all(axis=1)
    swapped = far & ((middles[:, ::-1] >= low) & (middles[:, ::-1] <= high)).all(axis=1)
    found = []
    for n in np.flatnonzero(swapped).tolist():
        lon, lat = middles[n].tolist()
        message = f"{drawn[n].path}: latitude and longitude are swapped: {lon:.4f}, {lat:.4f} is far from the city"
        found.append(Finding(drawn[n].where, message, Kind.PLACE, None, Place(lon, lat)))
    return found


def other_datum(given: Sequence[GivenArea], known: Mapping[str, bytes]) -> list[Finding]:
    """Whether areas that are defined already lie where they were only if they are read with another datum.

    Only noted: a city may have drawn all its areas anew.
    """
    again = [area for area in given if area.geometry is not None and area.path in known]
    again = again[:: max(1, len(again) // LOOKED_AT)]
    if not again:
        return []
    before: Any = shapely.make_valid(shapely.from_wkb([known[area.path] for area in again]))
    now: Any = shapely.make_valid(shapely.from_wkb([area.geometry for area in again]))
    missed = _common(before, now) < MISSED
    for datum in SHIFTED:
        met = missed & (_common(before, shapes_to_wgs84(now, datum)) > MET)
        if met.sum() * 10 > len(again):
            first = again[int(np.argmax(met))]
            message = (
                f"{met.sum()} of {len(again)} areas looked at, {first.path} the first, lie where they were only if they"
                f" are read as {datum}: say datum={datum}, or give those a file of their own"
            )
            return [Finding(first.where, message, Kind.DATUM, noted=True)]
    return []


def _common(one: Any, other: Any) -> Any:
    """The share of the larger that both cover."""
    larger = np.maximum(shapely.area(one), shapely.area(other))
    return shapely.area(shapely.intersection(one, other)) / np.where(larger > 0, larger, 1)
