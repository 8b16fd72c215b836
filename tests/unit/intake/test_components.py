"""Components: rows of a file, what marks a change, rates."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.intake.components.batches import Plan, Seen, batches
from services.intake.components.columns import COLUMNS, FORMAT, flat
from services.intake.components.kinds import kind_names
from services.intake.components.rows import RowReader
from services.intake.domain.component import Component, Rate, changed_fields, fingerprint, rolled_up
from services.intake.domain.component_code import Codes
from services.intake.grids.index import Grid
from services.intake.store.component_rows import again, rows_of
from shared.imports.reading import inspect
from shared.kernel.place import Place
from shared.packs import load
from tests.component_file import former_code
from tests.unit.intake.test_grids import block

NAMES = {"01001": "供水井盖", "01037": "路灯"}
GOOD = {"code": "11010801001000001", "lon": "116.001", "lat": "39.801"}
BENCH = Component(11010801001000001, "01001", "110108.001.000.000", 116.0, 39.8, "intact", "供水井盖")


def read(**cells: str) -> Any:
    values = {name: cell for name, cell in (GOOD | cells).items() if cell}
    return RowReader(Codes(NAMES, "110108"), NAMES, list(values)).read(values)


def test_a_row_of_three_cells_is_a_component() -> None:
    component, area = read()
    assert (component.code, component.kind, component.name) == (11010801001000001, "01001", "供水井盖")
    assert (component.state, component.owner, area) == ("intact", None, None)


def test_a_file_for_measurements_has_former_codes_that_there_are() -> None:
    names = kind_names(load("haidian"))
    codes = Codes(names, "110108")
    given = {kind: former_code(kind, 1) for kind in names}
    assert [kind for kind in names if given[kind] and codes.read(given[kind])[1] != kind] == []
    assert [kind for kind in names if not given[kind]] == [kind for kind in names if kind[2] != "0"] != []


def test_every_column_is_read() -> None:
    component, area = read(
        name="东门井盖", state="破损", area="110108001000000", authority="91110108MA01", authority_name="水务局",
        owner="91110108MA02", owner_name="自来水集团", maintainer="drainage", maintainer_name="养护所",
        surveyed_on="20240301", changed_on="2025-03-01", data_source="实测", note="井圈有裂",
        former_code="1101080101000001", successor="11010801001000002", attributes='{"depth": 1.5}',
        **{"attributes.material": "铸铁"},
    )  # fmt: skip
    assert component.state == "damaged"
    assert (component.owner, component.owner_name) == ("91110108MA02", "自来水集团")
    assert (component.surveyed_on, component.changed_on) == (date(2024, 3, 1), date(2025, 3, 1))
    assert (component.former_code, component.successor) == (1101080101000001, 11010801001000002)
    assert component.attributes == {"depth": 1.5, "material": "铸铁"}
    assert area == "110108001000000"
    assert None not in component


@pytest.mark.parametrize("word", ["不明", "权属不明", "/", "Unknown"])
def test_a_word_for_nobody_is_no_owner(word: str) -> None:
    assert read(owner=word)[0].owner is None
    assert read(owner_name=word)[0].owner is None


def test_an_owner_without_a_code_is_known_by_its_name() -> None:
    assert read(owner_name="某小区物业")[0].owner == "某小区物业"


@pytest.mark.parametrize(
    ("cells", "field", "said"),
    [
        ({"code": "11010809001000001"}, "code", "digits 7 to 8"),
        ({"code": ""}, "code", "0 in all"),
        ({"lon": "39.8", "lat": "116.0"}, "lon", "no point"),
        ({"lat": "nan"}, "lon", "no point"),
        ({"datum": "beijing54"}, "datum", "not known"),
        ({"state": "new"}, "state", "not known"),
        ({"surveyed_on": "yesterday"}, "surveyed_on", "no day"),
        ({"surveyed_on": "2024-03-02", "changed_on": "2024-03-01"}, "changed_on", "before"),
        ({"note": "x" * 1001}, "note", "too long"),
        ({"owner": "a\x00b"}, "owner", "NUL"),
        ({"former_code": "11010801001000001"}, "former_code", "own code"),
        ({"successor": "12"}, "successor", "2 in all"),
        ({"attributes": "[1]"}, "attributes", "no JSON object"),
        ({"attributes": '{"a": {"b": 1}}'}, "attributes", "neither"),
    ],
)
def test_what_is_wrong_is_said_by_column(cells: dict[str, str], field: str, said: str) -> None:
    found = read(**cells)
    assert isinstance(found, list)
    assert field in [each.field for each in found]
    assert any(said in each.why for each in found if each.field == field)
    assert all(each.right for each in found)


def test_all_that_is_wrong_with_a_row_is_said_at_once() -> None:
    found = read(code="1", state="new", lat="95")
    assert isinstance(found, list)
    assert [each.field for each in found] == ["code", "lon", "state"]


def test_a_datum_is_brought_to_wgs84() -> None:
    component, _ = read(lon="116.31615", lat="39.99138", datum="GCJ02")
    assert (component.lon, component.lat) == pytest.approx((116.310, 39.990), abs=1e-4)


def test_a_feature_is_a_row() -> None:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [116.3, 39.9, 50.0]},
        "properties": {"GLBJBSM": GOOD["code"], "attributes": {"a": 1}},
    }
    assert flat(feature) == {"GLBJBSM": GOOD["code"], "lon": 116.3, "lat": 39.9, "attributes": '{"a":1}'}
    for wrong in ({**feature, "geometry": None}, {**feature, "geometry": {"type": "LineString", "coordinates": [[1]]}}):
        with pytest.raises(ValueError, match="Point"):
            flat(wrong)
    with pytest.raises(ValueError, match="properties"):
        flat({**feature, "properties": None})


def test_a_fingerprint_tells_a_change_and_nothing_else() -> None:
    assert fingerprint(BENCH) == fingerprint(BENCH._replace(attributes=None))
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert fingerprint(BENCH._replace(attributes=one)) == fingerprint(BENCH._replace(attributes=other))
    moved = BENCH._replace(lon=116.0001, state="damaged")
    assert fingerprint(moved) != fingerprint(BENCH)
    assert 0 <= fingerprint(moved) < 2**63
    assert changed_fields(BENCH, moved) == ["lon", "state"]


def test_rates_add_up_to_the_areas_above() -> None:
    grids = [Rate("1.2.3", 10, 5), Rate("1.2.4", 10, 10), Rate("1.3.1", 3, 0)]
    assert rolled_up(grids, 2) == [Rate("1.2", 20, 15), Rate("1.3", 3, 0)]
    assert [rate.percent for rate in rolled_up(grids, 2)] == [75.0, 0.0]
    assert Rate("1", 0, 0).percent is None


def test_a_line_of_copy_keeps_what_would_break_it() -> None:
    rows = rows_of([BENCH._replace(note="a\tb\\c\nd\re")], "import:1")
    (line,) = rows.lines.splitlines(keepends=True)
    assert b"a\\tb\\\\c\\nd\\re" in line
    assert again(line, 12).startswith(b"12\t")


def test_codes_that_came_before_are_noticed() -> None:
    seen = Seen()
    assert seen.again([5, 3, 5, 9]) == [False, False, True, False]
    assert seen.again([9, 1, 10, 3]) == [True, False, False, True]
    assert seen.again([]) == []
    assert seen.again([1, 2, 5, 10]) == [True, False, True, True]


def plan(file: Path, rows_done: int = 0, size: int = 2) -> Plan:
    grids = tuple(Grid(path, wkb, Place(116.001, 39.801)) for path, wkb in block(3, 3).items())
    return Plan(inspect(file, FORMAT), NAMES, "110108", grids, "import:1", size, rows_done)


def test_batches_place_refuse_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    file = tmp_path / "components.csv"
    file.write_text(
        "管理部件标识码,经度,纬度,所在单元网格标识码,权属单位名称,SZJDMC\n"
        "11010801001000001,116.001,39.801,110108001000000,水务,某街道\n"
        "11010801001000002,116.001,39.801,110108001001001,水务,某街道\n"
        "11010801001000001,116.001,39.801,,水务,某街道\n"
        "11010801001000003,120.000,30.000,,水务,某街道\n"
        "11010801037000001,116.003,39.801,,,某街道\n",
        encoding="utf-8-sig",
    )
    found = list(batches(plan(file)))
    assert [batch.rows_done for batch in found] == [2, 4, 5]
    assert [list(batch.rows.codes) for batch in found] == [[11010801001000001], [], [11010801037000001]]
    errors = b"".join(batch.errors for batch in found).decode()
    assert [line.split(",")[:2] for line in errors.splitlines()] == [["3", "area"], ["4", "code"], ["5", "lon"]]
    assert "110108.001.000.000, not in 110108001001001" in errors
    later = list(batches(plan(file, rows_done=2)))
    assert later == found[1:], "a code that was settled is still known"


def test_the_template_has_twenty_columns() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 20
