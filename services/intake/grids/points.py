"""Files of points: CSV with the columns lon and lat, such as a list of components."""

import csv
import io
from math import isfinite

from services.intake.domain.area import UnreadableAreas
from shared.kernel.place import Datum, Place, to_wgs84


def read_points(content: bytes, datum: Datum) -> list[Place]:
    """The points of a CSV file, in WGS 84; other columns are left alone. Raises UnreadableAreas, naming the line."""
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        if not {"lon", "lat"} <= set(rows.fieldnames or ()):
            raise UnreadableAreas("columns missing: give lon, lat, in degrees")
        found = []
        for row in rows:
            try:
                lon, lat = float(row["lon"]), float(row["lat"])
            except (TypeError, ValueError):
                raise UnreadableAreas(f"line {rows.line_num}: lon and lat must be numbers") from None
            if not (isfinite(lon) and isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
                hint = ": they are swapped" if abs(lon) <= 90 < abs(lat) <= 180 else ""
                raise UnreadableAreas(f"line {rows.line_num}: {lon:g}, {lat:g} is no longitude, latitude{hint}")
            found.append(to_wgs84(lon, lat, datum))
        return found
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableAreas(f"not CSV in UTF-8: {error}") from None
