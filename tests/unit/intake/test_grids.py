"""Locating points, checking covers, reading files of areas."""

import sys

import orjson
import pytest
import shapely

from services.intake.commands.receive_report import in_grid
from services.intake.domain.area import AreasRefused, UnreadableAreas
from services.intake.domain.report import AtPoint, OutsideEveryGrid
from services.intake.grids.coverage import check
from services.intake.grids.index import Grid, GridIndex, Grids, GridsNotRead
from services.intake.grids.reading import read_areas
from services.intake.queries.grid_index import TURN_SECONDS, in_short_turns
from shared.kernel.place import Datum, Place

SIDE = 0.002  # about 170 × 220 m at Beijing


def square(column: int, row: int, *, wider: float = 0.0) -> bytes:
    west, south = 116.0 + column * SIDE, 39.8 + row * SIDE
    return bytes(shapely.box(west, south, west + SIDE + wider, south + SIDE).wkb)


def block(columns: int, rows: int) -> dict[str, bytes]:
    return {f"110108.001.{c:03d}.{r:03d}": square(c, r) for c in range(columns) for r in range(rows)}


@pytest.fixture(scope="module")
def index() -> GridIndex:
    grids = [Grid(path, wkb, Place(116.001, 39.801)) for path, wkb in block(5, 5).items()]
    return GridIndex([*grids, Grid("110108.001.009.001", None, None)], 7)


def test_a_point_lies_in_its_grid(index: GridIndex) -> None:
    assert index.locate(Place(116.0 + 3.5 * SIDE, 39.8 + 1.5 * SIDE)) == "110108.001.003.001"


def test_a_point_outside_every_grid_has_none(index: GridIndex) -> None:
    assert index.locate(Place(120.0, 30.0)) is None


def test_a_point_on_a_common_edge_goes_to_the_first_in_path_order(index: GridIndex) -> None:
    edge = shapely.get_coordinates(shapely.from_wkb(square(1, 1)))
    corner = Place(*edge.min(axis=0))
    assert index.locate(corner) == "110108.001.000.000"


def test_many_points_at_once_agree_with_one_by_one(index: GridIndex) -> None:
    places = [Place(115.999 + n * 0.0007, 39.799 + n * 0.0005) for n in range(40)]
    assert index.locate_all(places) == [index.locate(place) for place in places]
    assert index.locate_all([]) == []


def test_a_grid_is_known_by_its_path_and_by_its_national_id(index: GridIndex) -> None:
    assert index.path_of("110108.001.003.001") == "110108.001.003.001"
    assert index.path_of("110108001003001") == "110108.001.003.001"
    assert index.path_of("110108.001.099.001") is None
    assert index.centre_of("110108.001.009.001") is None


def test_an_index_without_grids_finds_nothing() -> None:
    assert GridIndex([], 1).locate(Place(116.0, 39.8)) is None


def test_before_the_areas_are_read_no_place_is_outside_them() -> None:
    grids = Grids()
    with pytest.raises(GridsNotRead):
        _ = grids.current
    grids.swap(GridIndex([], 1))
    assert grids.current.version == grids.version == 1


def test_a_seamless_cover_is_accepted() -> None:
    assert check(block(4, 4), {}, {}, 10.0) == []


def test_an_overlap_above_the_tolerance_is_named_with_its_size() -> None:
    grids = {**block(3, 3), "110108.001.001.001": square(1, 1, wider=SIDE / 10)}
    (found,) = check(grids, {}, {"110108.001.002.001": "line 9"}, 10.0)
    assert "110108.001.001.001 and 110108.001.002.001 overlap by" in found.message
    assert found.where == "line 9"


def test_an_overlap_below_the_tolerance_passes() -> None:
    grids = {**block(3, 3), "110108.001.001.001": square(1, 1, wider=SIDE / 10)}
    assert check(grids, {}, {}, 5_000.0) == []


def test_a_hole_is_a_blank() -> None:
    grids = block(3, 3)
    del grids["110108.001.001.001"]
    (found,) = check(grids, {}, {}, 10.0)
    assert found.message.startswith("blank of 3")


def test_a_part_of_a_drawn_parent_that_no_grid_covers_is_a_blank() -> None:
    parent = bytes(shapely.box(116.0, 39.8, 116.0 + 4 * SIDE, 39.8 + 3 * SIDE).wkb)
    (found,) = check(block(3, 3), {"110108.001": parent}, {}, 10.0)
    assert found.message.startswith("110108.001 has")


def test_broken_geometry_is_named() -> None:
    bow = bytes(shapely.Polygon([(116, 39), (117, 40), (117, 39), (116, 40)]).wkb)
    line = bytes(shapely.LineString([(116, 39), (117, 40)]).wkb)
    found = check({"a.1": bow, "a.2": line}, {}, {}, 10.0)
    assert [f.message.partition(":")[0] for f in found] == ["a.1", "a.2"]


def test_geojson_is_read() -> None:
    geometry = shapely.geometry.mapping(shapely.from_wkb(square(0, 0)))
    properties = {"path": "110108.001.000.000", "name": "第一网格", "level": "grid"}
    district = {"path": "110108", "name": "海淀", "level": "district"}
    collection = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": properties, "geometry": geometry},
            {"type": "Feature", "properties": district, "geometry": None},
        ],
    }
    grid, top = read_areas(orjson.dumps(collection), "application/geo+json")
    assert (grid.path, grid.name, grid.level) == ("110108.001.000.000", "第一网格", "grid")
    assert grid.geometry is not None
    assert shapely.from_wkb(grid.geometry).equals(shapely.from_wkb(square(0, 0)))
    assert top.geometry is None


def test_csv_is_read_with_wkt_and_without() -> None:
    text = 'path,name,level,geometry\n110108,海淀,district,\n110108.001.000.000,一,grid,"POLYGON((0 0,1 0,1 1,0 0))"\n'
    district, grid = read_areas(text.encode("utf-8-sig"), "text/csv")
    assert district.geometry is None
    assert grid.geometry is not None
    assert grid.where == "line 3"


@pytest.mark.parametrize(
    ("content", "media_type", "words"),
    [
        (b"{", "application/json", "not JSON"),
        (b'{"type":"Feature"}', "application/json", "FeatureCollection"),
        (b"path,name\na,b\n", "text/csv", "columns missing: level"),
        (b"\xff\xfe", "text/csv", "UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(content: bytes, media_type: str, words: str) -> None:
    with pytest.raises(UnreadableAreas, match=words):
        read_areas(content, media_type)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("bad path,x,grid,", "not an area path"),
        ("a.b,,grid,", "name must be"),
        ("a.b,x,,", "level is missing"),
        ("a.b,x,grid,POLYGON((", "geometry cannot be read"),
        ('a.b,x,grid,"POLYGON((200 0,201 0,201 1,200 0))"', "degrees WGS 84"),
    ],
)
def test_an_area_that_is_wrong_is_named_by_its_line(row: str, words: str) -> None:
    with pytest.raises(AreasRefused, match=words) as refused:
        read_areas(f"path,name,level,geometry\nok,x,district,\n{row}\n".encode(), "text/csv")
    assert refused.value.errors[0].pointer == "line 3"


def test_a_place_that_lies_in_the_city_the_other_way_round_was_swapped() -> None:
    york = GridIndex([Grid("MN.01.10001.001", shapely.to_wkb(shapely.box(-74.0, 40.7, -73.9, 40.8)), None)], 1)
    sent = AtPoint(40.75, -73.95, Datum.WGS84)
    with pytest.raises(OutsideEveryGrid, match="longitude and latitude seem to be swapped") as refused:
        in_grid(york, sent, Place(40.75, -73.95), None)
    assert refused.value.facts == {"hint": "swapped"}
    with pytest.raises(OutsideEveryGrid, match="check the order and the datum") as refused:
        in_grid(york, AtPoint(2.35, 48.86, Datum.WGS84), Place(2.35, 48.86), None)
    assert refused.value.facts == {}


def test_who_builds_an_index_gives_way_sooner_and_others_as_before() -> None:
    before = sys.getswitchinterval()
    with in_short_turns():
        assert sys.getswitchinterval() == pytest.approx(TURN_SECONDS)
        assert before > TURN_SECONDS
    assert sys.getswitchinterval() == before
