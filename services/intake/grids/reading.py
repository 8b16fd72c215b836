"""Files of areas: GeoJSON and CSV, read into `GivenArea`s or refused with the feature or line that is wrong."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
import shapely

from services.intake.domain.area import AreasRefused, Finding, GivenArea, UnreadableAreas, refuse
from shared.kernel.area import AreaPath
from shared.kernel.errors import Refusal

NAME_LENGTH = 200
# GeoJSON in a CSV cell is longer than csv's default of 128 KiB for a district's outline.
_CELL = 8 << 20


def read_areas(content: bytes, media_type: str) -> list[GivenArea]:
    """Read a GeoJSON FeatureCollection, or CSV with the columns path, name, level, geometry (WKT or GeoJSON, optional).

    A feature's properties are path, name and level; its geometry may be null. Raises UnreadableAreas when the whole
    cannot be read, AreasRefused listing each area that cannot.
    """
    csv_given = "csv" in media_type or ("json" not in media_type and content.lstrip()[:1] != b"{")
    return _collect(_csv_rows(content) if csv_given else _features(content))


def from_features(features: Iterable[Any]) -> list[GivenArea]:
    """The same from a pack's own features: objects with path, name, level and a GeoJSON geometry or None."""
    rows = ((f"/features/{n}", f.path, f.name, f.level, f.geometry) for n, f in enumerate(features))
    return _collect(rows)


def _collect(rows: Iterable[tuple[str, Any, Any, Any, Any]]) -> list[GivenArea]:
    found: list[Finding] = []
    given: list[tuple[AreaPath, str, str, str]] = []
    texts: list[bytes | str | None] = []
    for where, path, name, level, geometry in rows:
        try:
            area = AreaPath.parse(path if isinstance(path, str) else "", pointer=where)
        except Refusal as refusal:
            found.append(Finding(where, refusal.detail + ": " + refusal.errors[0].message))
            continue
        if not isinstance(name, str) or not 0 < len(name) <= NAME_LENGTH or "\x00" in name:
            found.append(Finding(where, f"{area}: name must be a text of 1 to {NAME_LENGTH} characters"))
            continue
        if not isinstance(level, str) or not level:
            found.append(Finding(where, f"{area}: level is missing"))
            continue
        given.append((area, name, level, where))
        texts.append(orjson.dumps(geometry) if isinstance(geometry, Mapping) else geometry)
    shapes = _shapes(texts, [row[3] for row in given], found)
    refuse(found)
    return [GivenArea(*row[:3], geometry, row[3]) for row, geometry in zip(given, shapes, strict=True)]


def _shapes(texts: list[bytes | str | None], where: list[str], found: list[Finding]) -> list[bytes | None]:
    """WKB of each; GeoJSON comes as bytes, WKT as str. One call for all, one by one only to name what is wrong."""
    try:
        shapes: Any = [None] * len(texts)
        json = [n for n, text in enumerate(texts) if isinstance(text, bytes)]
        wkt = [n for n, text in enumerate(texts) if isinstance(text, str)]
        for rows, read in ((json, shapely.from_geojson), (wkt, shapely.from_wkt)):
            for n, shape in zip(rows, read([texts[n] for n in rows]), strict=True):
                shapes[n] = shape
    except (shapely.errors.GEOSException, ValueError, TypeError):
        shapes = []
        for text, place in zip(texts, where, strict=True):
            shapes.append(_one(text, place, found))
    flat = shapely.force_2d(shapely.normalize(shapes)) if texts else []
    for n in _off_the_earth(flat):
        found.append(Finding(where[n], "coordinates must be longitude, latitude in degrees WGS 84"))
    return [None if s is None else bytes(s) for s in shapely.to_wkb(flat)] if texts else []


def _one(text: bytes | str | None, where: str, found: list[Finding]) -> Any:
    try:
        if text is None:
            return None
        return shapely.from_geojson(text) if isinstance(text, bytes) else shapely.from_wkt(text)
    except (shapely.errors.GEOSException, ValueError, TypeError) as error:
        found.append(Finding(where, f"geometry cannot be read: {str(error)[:120]}"))
        return None


def _off_the_earth(shapes: Any) -> list[int]:
    if len(shapes) == 0:
        return []
    box = np.nan_to_num(shapely.bounds(shapes))  # NaN where there is no geometry
    outside = (box[:, 0] < -180) | (box[:, 2] > 180) | (box[:, 1] < -90) | (box[:, 3] > 90)
    return [int(n) for n in np.flatnonzero(outside)]


def _features(content: bytes) -> Iterator[tuple[str, Any, Any, Any, Any]]:
    try:
        whole = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnreadableAreas(f"not JSON: {error}") from None
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list) or whole.get("type") != "FeatureCollection":
        raise UnreadableAreas('give a GeoJSON FeatureCollection: {"type": "FeatureCollection", "features": […]}')
    for n, feature in enumerate(features):
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            raise AreasRefused(f"feature {n} has no properties; give path, name and level")
        geometry = feature.get("geometry")
        yield (f"/features/{n}", properties.get("path"), properties.get("name"), properties.get("level"), geometry)


def _csv_rows(content: bytes) -> Iterator[tuple[str, Any, Any, Any, Any]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableAreas(f"CSV must be UTF-8: {error}") from None
    before = csv.field_size_limit(_CELL)
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        missing = {"path", "name", "level"} - set(rows.fieldnames or ())
        if missing:
            raise UnreadableAreas(f"columns missing: {', '.join(sorted(missing))}; give path, name, level[, geometry]")
        for row in rows:
            cell = (row.get("geometry") or "").strip()
            geometry = (cell.encode() if cell.startswith("{") else cell) if cell else None
            yield (f"line {rows.line_num}", row["path"], row["name"], row["level"], geometry)
    except csv.Error as error:
        raise UnreadableAreas(f"not CSV: {error}") from None
    finally:
        csv.field_size_limit(before)
