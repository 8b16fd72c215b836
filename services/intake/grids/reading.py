"""Files of areas: GeoJSON and CSV, read into `GivenArea`s, with what is wrong of the rows that cannot be."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from services.intake.domain.area import AreasRefused, Finding, GivenArea, Kind, UnreadableAreas, refuse
from services.intake.grids.shapes import read_shapes, text_of
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Refusal
from shared.kernel.place import Datum

NAME_LENGTH = 200
# GeoJSON in a CSV cell is longer than csv's default of 128 KiB for a district's outline.
_CELL = 8 << 20
# The names that files give to what we know (RFC 7946 dropped `crs`, and exports still write it).
_CRS = {"CRS84": Datum.WGS84, "4326": Datum.WGS84, "4490": Datum.CGCS2000}


class Row(NamedTuple):
    """A feature or line as it stands in the file."""

    where: str
    path: Any
    name: Any
    level: Any
    geometry: Any
    datum: Any = None
    predecessors: Any = None


class Reading(NamedTuple):
    """What could be read of a file, and what is wrong with the rest."""

    given: list[GivenArea]
    found: list[Finding]


def read_areas(content: bytes, media_type: str, datum: Datum | None = None) -> list[GivenArea]:
    """Read a GeoJSON FeatureCollection, or CSV with the columns path, name, level, geometry (WKT or GeoJSON, optional).

    A feature's properties are path, name and level, and if it was cut from others `predecessors`, their paths; its
    geometry may be null. `datum` is that of the coordinates where the file does not say. Raises UnreadableAreas when
    the whole cannot be read, AreasRefused listing each area that cannot.
    """
    given, found = look_at(content, media_type, datum)
    refuse(found)
    return given


def look_at(content: bytes, media_type: str, datum: Datum | None = None) -> Reading:
    """The same with what is wrong listed, not raised. Raises UnreadableAreas."""
    csv_given = "csv" in media_type or ("json" not in media_type and content.lstrip()[:1] != b"{")
    if csv_given:
        return _collect(_csv_rows(content), datum)
    rows, declared = _features(content)
    if declared is not None and datum not in (None, declared):
        raise UnreadableAreas(
            f"the file's crs says {declared}, the request {datum}: which is it?",
            errors=[FieldError("?datum", f"leave it out, or say {declared}")],
        )
    return _collect(rows, declared or datum)


def from_features(features: Iterable[Any]) -> list[GivenArea]:
    """The same from a pack's own features: objects with path, name, level and a GeoJSON geometry or None."""
    rows = (Row(f"/features/{n}", f.path, f.name, f.level, f.geometry) for n, f in enumerate(features))
    given, found = _collect(rows, None)
    refuse(found)
    return given


def _collect(rows: Iterable[Row], datum: Datum | None) -> Reading:
    found: list[Finding] = []
    given: list[tuple[AreaPath, str, str, str, tuple[str, ...]]] = []
    texts: list[bytes | str | None] = []
    datums: dict[str | None, list[str]] = {}
    for row in rows:
        wrong = _wrong_with(row)
        if wrong is not None:
            found.append(Finding(row.where, wrong))
            continue
        predecessors = _paths(row.predecessors)
        given.append((AreaPath(row.path), row.name, row.level, row.where, predecessors))
        geometry = row.geometry
        texts.append(text_of(geometry) if isinstance(geometry, Mapping) else geometry)
        if geometry is not None:
            datums.setdefault(row.datum or None, []).append(row.where)
    said = _one_datum(datums, datum, found)
    shapes = read_shapes(texts, [row[3] for row in given], said, found)
    return Reading(
        [
            GivenArea(path, name, level, geometry, where, before)
            for (path, name, level, where, before), geometry in zip(given, shapes, strict=True)
        ],
        found,
    )


def _wrong_with(row: Row) -> str | None:
    try:
        area = AreaPath.parse(row.path if isinstance(row.path, str) else "", pointer=row.where)
        for before in _paths(row.predecessors):
            AreaPath.parse(before, pointer=row.where)
    except Refusal as refusal:
        return refusal.detail + ": " + refusal.errors[0].message
    if not isinstance(row.name, str) or not 0 < len(row.name) <= NAME_LENGTH or "\x00" in row.name:
        return f"{area}: name must be a text of 1 to {NAME_LENGTH} characters"
    if not isinstance(row.level, str) or not row.level:
        return f"{area}: level is missing"
    if row.datum and row.datum not in list(Datum):
        return f"{area}: datum {str(row.datum)[:40]!r} is none of {', '.join(Datum)}"
    if not isinstance(row.geometry, Mapping | bytes | str | None):
        return f"{area}: geometry must be a GeoJSON object or null"
    return None


def _paths(given: Any) -> tuple[str, ...]:
    """Paths of predecessors: a list, or in one text with spaces, commas or semicolons between them."""
    if not given:
        return ()
    if isinstance(given, str):
        return tuple(given.replace(";", " ").replace(",", " ").split())
    return tuple(str(each) for each in given) if isinstance(given, list) else (str(given),)


def _one_datum(datums: Mapping[str | None, Sequence[str]], asked: Datum | None, found: list[Finding]) -> Datum:
    """The datum of all coordinates; where rows differ, each kind but the most frequent is a finding."""
    most = max(datums, key=lambda each: len(datums[each]), default=None)
    for datum, rows in datums.items():
        if datum != most:
            said, usual = datum or "no datum", most or "none"
            message = (
                f"{len(rows)} areas from here on say {said}, {len(datums[most])} say {usual}: a file has one datum;"
                " import the others by themselves, or give every row the same"
            )
            found.append(Finding(rows[0], message, Kind.DATUM))
    if most is not None and asked is not None and most != asked:
        where = datums[most][0]
        found.append(Finding(where, f"the file says {most}, the request {asked}: which is it?", Kind.DATUM))
    return Datum(most or asked or Datum.WGS84)


def _features(content: bytes) -> tuple[Iterator[Row], Datum | None]:
    try:
        whole = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnreadableAreas(f"not JSON: {error}") from None
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list) or whole.get("type") != "FeatureCollection":
        raise UnreadableAreas('give a GeoJSON FeatureCollection: {"type": "FeatureCollection", "features": […]}')
    return _rows(features), _declared(whole.get("crs"))


def _rows(features: Sequence[Any]) -> Iterator[Row]:
    for n, feature in enumerate(features):
        of = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(of, dict):
            raise AreasRefused(f"feature {n} has no properties; give path, name and level")
        geometry = feature.get("geometry")
        more = (of.get("datum"), of.get("predecessors"))
        yield Row(f"/features/{n}", of.get("path"), of.get("name"), of.get("level"), geometry, *more)


def _declared(crs: Any) -> Datum | None:
    """What a `crs` member says. Raises UnreadableAreas for coordinates that are no degrees, or of no datum we know."""
    if crs is None:
        return None
    of = crs.get("properties") if isinstance(crs, dict) else None
    name = str(of.get("name") if isinstance(of, dict) else crs)[:80]
    for part, datum in _CRS.items():
        if name.endswith(part):
            return datum
    raise UnreadableAreas(
        f"crs {name!r} is not taken: give longitude and latitude in degrees, of EPSG:4326 (WGS 84) or EPSG:4490"
        " (CGCS2000); for GCJ-02 and BD-09 leave crs out and say datum"
    )


def _csv_rows(content: bytes) -> Iterator[Row]:
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
            more = (row.get("datum") or None, row.get("predecessors") or None)
            yield Row(f"line {rows.line_num}", row["path"], row["name"], row["level"], geometry, *more)
    except csv.Error as error:
        raise UnreadableAreas(f"not CSV: {error}") from None
    finally:
        csv.field_size_limit(before)
