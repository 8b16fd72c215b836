"""Places that are not where they say, files of two datums, and shapes that are on no map."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest
import shapely

from services.intake.domain.area import BadEffective, Defined, Kind, UnreadableAreas
from services.intake.domain.effective import time_of
from services.intake.grids.change import Change, Rules, weigh
from services.intake.grids.datums import to_wgs84_all
from services.intake.grids.picture import picture
from services.intake.grids.reading import look_at
from shared.kernel.area import AreaPath
from shared.kernel.place import Datum, gcj02_to_bd09, to_wgs84, wgs84_to_gcj02

RULES = Rules(["district", "grid"], 10.0)
BOX = shapely.box(116.30, 39.90, 116.31, 39.91)


def geojson(shapes, **more):
    """A file of a district and one grid for each shape, with `more` properties of the last."""
    features: list[dict[str, Any]] = [
        {"type": "Feature", "properties": {"path": "110108", "name": "d", "level": "district"}, "geometry": None}
    ]
    for n, shape in enumerate(shapes):
        of = {"path": f"110108.{n:03d}", "name": f"g{n}", "level": "grid"}
        features.append({"type": "Feature", "properties": of, "geometry": shapely.geometry.mapping(shape)})
    features[-1]["properties"].update(more)
    return {"type": "FeatureCollection", "features": features}


def read(collection, datum=None):
    return look_at(orjson.dumps(collection), "application/geo+json", datum)


def swapped(shape):
    return shapely.transform(shape, lambda xy: xy[:, ::-1])


def test_arrays_are_shifted_as_single_points_are():
    points = np.random.default_rng(5).uniform((73, 4), (135, 53), (500, 2))
    for datum, forward in (
        (Datum.GCJ02, lambda p: wgs84_to_gcj02(*p)),
        (Datum.BD09, lambda p: gcj02_to_bd09(*wgs84_to_gcj02(*p))),
    ):
        there = np.array([forward(p) for p in points.tolist()])
        back = to_wgs84_all(there, datum)
        assert back == pytest.approx(np.array([to_wgs84(p[0], p[1], datum) for p in there.tolist()]), abs=1e-9)
    abroad = np.array([[-73.98, 40.75]])
    assert to_wgs84_all(abroad, Datum.GCJ02) == pytest.approx(abroad)


CIRCLE = shapely.Point(116.305, 39.905).buffer(0.005, quad_segs=50_000)
SHAPES = [
    ("latitude first", swapped(BOX), Kind.PLACE, "latitude and longitude are swapped"),
    ("100,000 corners", CIRCLE, Kind.GEOMETRY, "20,000 are the most"),
    ("round the earth", shapely.box(-179, 39, 179, 40), Kind.PLACE, "180th meridian"),
    ("off the earth", shapely.box(200, 0, 201, 1), Kind.PLACE, "degrees WGS 84"),
]


@pytest.mark.parametrize(("what", "shape", "kind", "words"), SHAPES, ids=[each[0] for each in SHAPES])
def test_a_shape_that_is_on_no_map_is_named(what, shape, kind, words):
    (finding,) = read(geojson([BOX, shape])).found
    assert (finding.kind, finding.where) == (kind, "/features/2")
    assert words in finding.message


def test_a_coordinate_that_is_no_number_is_named():
    text = 'path,name,level,geometry\nd.1,x,grid,"POLYGON((116 39,nan 39,117 40,116 39))"\n'
    (finding,) = look_at(text.encode(), "text/csv").found
    assert finding.message == "a coordinate is no number"


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    "geometry",
    [
        "CURVEPOLYGON(CIRCULARSTRING(0 0,1 1,2 0,1 -1,0 0))",
        "TIN(((0 0,1 0,1 1,0 0)))",
        "POLYGON((1e308 0,1e309 0,1 1,1e308 0))",
        {"type": "Polygon", "coordinates": nested(300)},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, "a"]]]},
        {"type": "Polygon", "coordinates": None},
        {"type": 7},
    ],
)
def test_a_geometry_that_cannot_be_read_is_named_and_breaks_nothing(geometry):
    collection = geojson([BOX, BOX])
    collection["features"][2]["geometry"] = geometry
    (finding,) = look_at(json.dumps(collection).encode(), "application/geo+json").found
    assert (finding.kind, finding.where) == (Kind.GEOMETRY, "/features/2")


@pytest.mark.parametrize(
    "text", ["2027-02-30", "0001-01-01", "9999-12-31T23:59:59-12:00", "2027-01-01T00:00:00", "soon"]
)
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(BadEffective):
        time_of(text, ZoneInfo("Asia/Shanghai"), "?at")


def test_a_day_begins_in_the_citys_own_time_and_a_lost_plus_sign_is_found_again():
    zone = ZoneInfo("Asia/Shanghai")
    assert time_of("2027-01-01", zone, "?at") == time_of("2027-01-01T00:00:00 08:00", zone, "?at")


@pytest.mark.parametrize("geometry", [7, [1, 2], True])
def test_a_geometry_that_is_none_is_named(geometry):
    collection = geojson([BOX])
    collection["features"][1]["geometry"] = geometry
    assert "geometry must be" in read(collection).found[0].message


def test_a_hole_that_nothing_fills_is_a_gap_and_one_that_is_filled_is_none():
    hole = shapely.box(116.304, 39.904, 116.306, 39.906)
    ring = BOX.difference(hole)
    for shapes, kinds in (([ring], [Kind.GAP]), ([ring, hole], [])):
        given = read(geojson(shapes)).given
        assert [f.kind for f in weigh(Change(given), {}, RULES).found] == kinds


def test_a_swapped_area_that_is_still_on_the_earth_is_caught_by_the_citys_bounds():
    here, there = shapely.box(80.0, 41.0, 80.1, 41.1), shapely.box(80.1, 41.0, 80.2, 41.1)
    given = read(geojson([here, swapped(there)])).given
    known = {"110108.009": Defined(1, "x", "grid", b"", bytes(shapely.box(80.0, 41.1, 80.1, 41.2).wkb))}
    found = [f for f in weigh(Change(given), known, RULES).found if f.kind is Kind.PLACE]
    assert len(found) == 1
    assert "latitude and longitude are swapped" in found[0].message


def test_a_file_of_two_datums_is_refused_and_one_that_says_its_own_is_converted():
    east = shapely.box(116.31, 39.90, 116.32, 39.91)
    (mixed,) = read(geojson([BOX, east], datum="gcj02")).found
    assert (mixed.kind, "1 areas from here on say gcj02" in mixed.message) == (Kind.DATUM, True)
    (clash,) = read(geojson([BOX], datum="bd09"), Datum.GCJ02).found
    assert "the file says bd09, the request gcj02" in clash.message
    shifted = shapely.transform(BOX, lambda xy: np.array([wgs84_to_gcj02(*p) for p in xy.tolist()]))
    (_, area) = read(geojson([shifted], datum="gcj02")).given
    assert shapely.from_wkb(area.geometry).equals_exact(shapely.normalize(BOX), 1e-9)
    assert "datum 'mars' is none of" in read(geojson([BOX], datum="mars")).found[0].message


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS84", True),
        ("EPSG:4326", True),
        ("urn:ogc:def:crs:EPSG::4490", True),
        ("EPSG:4547", False),
    ],
)
def test_the_crs_of_old_files_is_understood_or_refused(name, taken):
    collection = {**geojson([BOX]), "crs": {"type": "name", "properties": {"name": name}}}
    if taken:
        assert read(collection).found == []
        with pytest.raises(UnreadableAreas, match="which is it"):
            read(collection, Datum.BD09)
    else:
        with pytest.raises(UnreadableAreas, match="EPSG:4490"):
            read(collection)


def test_a_picture_escapes_what_a_file_brought():
    bad = geojson([BOX, shapely.box(116.305, 39.90, 116.32, 39.91)])
    bad["features"][1]["properties"]["name"] = bad["features"][2]["properties"]["name"] = "<script>alert(1)</script>"
    weighed = weigh(Change(read(bad).given), {}, RULES)
    page = picture("<b>", weighed.drawn, weighed.found)
    assert {f.kind for f in weighed.found} == {Kind.OVERLAP, Kind.DUPLICATE_NAME}
    assert "<script" not in page
    assert "<b>" not in page
    assert page.count('class="spot"') == 1


def test_a_picture_shows_what_has_no_place_in_its_table_alone():
    lost = geojson([BOX], path="110109.001")
    weighed = weigh(Change(read(lost).given), {}, RULES)
    assert [(f.kind, f.at, f.shape) for f in weighed.found] == [(Kind.ORPHAN, None, None)]
    page = picture("试", weighed.drawn, weighed.found)
    assert "is an orphan" in page
    assert 'class="spot"' not in page


def test_findings_that_lie_close_together_are_drawn_once_more_larger():
    far, near = shapely.box(116.30, 39.90, 116.50, 40.10), shapely.box(116.499, 40.0, 116.502, 40.001)
    weighed = weigh(Change(read(geojson([far, near])).given), {}, RULES)
    page = picture("试", weighed.drawn, weighed.found)
    assert page.count("<svg") == 2
    weighed = weigh(Change(read(geojson([BOX, shapely.box(116.305, 39.90, 116.32, 39.91)])).given), {}, RULES)
    assert picture("试", weighed.drawn, weighed.found).count("<svg") == 1


def test_what_is_retired_below_an_area_is_not_the_area_itself():
    before = weigh(Change(read(geojson([BOX])).given), {}, RULES)
    known = {str(a.path): Defined(1, a.name, a.level, a.fingerprint, a.geometry) for a in before.changed}
    fresh = geojson([BOX])
    del fresh["features"][0]
    fresh["features"][0]["properties"]["path"] = "110108.007"
    weighed = weigh(Change(read(fresh).given, AreaPath("110108")), known, RULES)
    assert (weighed.retired, weighed.found) == (["110108.000"], [])
