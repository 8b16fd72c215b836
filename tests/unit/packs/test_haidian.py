"""The demo district: what is real in it is complete, and what is generated leaves no gap."""

from collections import Counter
from datetime import date, time

import pytest
import shapely
from shapely.geometry import shape

from shared.packs import Pack, load
from shared.packs.geography import AreaFeature, areas


@pytest.fixture(scope="module")
def haidian() -> Pack:
    return load("haidian")


@pytest.fixture(scope="module")
def hierarchy(haidian: Pack) -> list[AreaFeature]:
    return areas(haidian)


def test_has_every_street_and_community_and_the_stated_number_of_grids(hierarchy: list[AreaFeature]) -> None:
    assert Counter(area.level for area in hierarchy) == {"district": 1, "street": 29, "community": 678, "grid": 8562}
    assert len({area.path for area in hierarchy}) == len(hierarchy)


def test_a_grid_id_is_the_path_without_dots(hierarchy: list[AreaFeature]) -> None:
    grids = [area for area in hierarchy if area.level == "grid"]
    assert all(len(grid.path.replace(".", "")) == 15 and grid.path.replace(".", "").isdecimal() for grid in grids)


def test_every_area_comes_after_the_one_it_lies_in(hierarchy: list[AreaFeature]) -> None:
    seen = {""}
    for area in hierarchy:
        assert area.path.parent in seen
        seen.add(area.path)


def test_grids_tile_their_district_without_gap_or_overlap(hierarchy: list[AreaFeature]) -> None:
    grids = [shape(area.geometry) for area in hierarchy if area.level == "grid"]
    district = shape(hierarchy[0].geometry)
    assert shapely.coverage_is_valid(grids)
    whole = shapely.coverage_union_all(grids)
    assert whole.equals(district)
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert sum(grid.area for grid in grids) == pytest.approx(district.area, rel=1e-9)


def test_a_street_is_exactly_its_grids(hierarchy: list[AreaFeature]) -> None:
    for street in [area for area in hierarchy if area.level == "street"][::7]:
        grids = [shape(a.geometry) for a in hierarchy if a.level == "grid" and street.path.covers(a.path)]
        assert shapely.coverage_union_all(grids).equals(shape(street.geometry))


def test_streets_lie_about_where_they_are_and_are_about_as_large(hierarchy: list[AreaFeature]) -> None:
    shapes = {area.name: shape(area.geometry) for area in hierarchy if area.level == "street"}
    middle = {name: polygon.centroid for name, polygon in shapes.items()}
    assert middle["苏家坨地区"].x < middle["香山街道"].x < middle["中关村街道"].x
    assert middle["万寿路街道"].y < middle["中关村街道"].y < middle["上庄地区"].y
    assert shapes["苏家坨地区"].area > 10 * shapes["清华园街道"].area


def test_the_same_geometry_is_made_every_time(haidian: Pack, hierarchy: list[AreaFeature]) -> None:
    assert areas(haidian) == hierarchy


def test_the_catalogue_lists_each_code_once(haidian: Pack) -> None:
    of_standard = [category for category in haidian.categories.values() if category.standard == "gb2026"]
    assert Counter(category.kind for category in of_standard) == {"component": 153, "matter": 97}
    assert sum(len(category.conditions) for category in of_standard) == 734
    own = [category.code for category in haidian.categories.values() if category.standard == "local"]
    assert own == ["01999", "09998", "09997"]


def test_a_code_of_2013_means_one_category(haidian: Pack) -> None:
    keys = [other.key for category in haidian.categories.values() for other in category.codes]
    assert len(keys) == len(set(keys)) == 238
    assert all(key.startswith("gb2013:") for key in keys)


def test_a_limit_belongs_to_category_and_condition(haidian: Pack) -> None:
    cover = haidian.categories["01001"]
    limits = {condition.key: condition.limit for condition in cover.conditions}
    assert len(set(limits.values())) > 1
    assert cover.condition("no-such-key") is None
    assert haidian.categories["06028"].default_condition.limit.unit == "urgent_hour"


def test_second_conditions_of_a_kind_are_told_apart_by_name(haidian: Pack) -> None:
    condition = haidian.categories["04002"].condition("damaged_2")
    assert condition is not None
    assert (condition.name.zh, condition.name.en) == ("破损（2）", "damaged (2)")


def test_make_up_days_are_worked_and_holidays_are_not(haidian: Pack) -> None:
    calendar = haidian.calendar
    assert calendar.is_workday(date(2026, 2, 14))  # a Saturday, made up for the Spring Festival
    assert calendar.is_workday(date(2025, 1, 26))  # a Sunday
    assert not calendar.is_workday(date(2026, 10, 7))  # a Wednesday, National Day
    assert calendar.is_workday(date(2026, 11, 23))
    assert not calendar.is_workday(date(2026, 11, 22))
    assert not calendar.is_provisional(2026)
    assert calendar.is_provisional(2027)
    assert [(s.start, s.end) for s in calendar.slots] == [(time(8), time(12)), (time(14), time(18))]


def test_the_street_answers_for_its_own_and_the_department_for_the_rest(haidian: Pack) -> None:
    own, district = haidian.unit_for("06036", "110108.012.003.001"), haidian.unit_for("06028", "110108.012.003.001")
    assert own is not None
    assert own.code == "street-012"
    assert district is not None
    assert (district.code, district.area) == ("environment", "110108")
    assert haidian.unit_for("06036", "110101.001.001.001") is None
    assert haidian.unit_for("99999", "110108.012.003.001") is None


def test_nothing_is_automatic_and_stage_limits_name_their_source(haidian: Pack) -> None:
    assert not any(haidian.automatic.model_dump().values())
    assert haidian.stage_limits.accept.amount == 15
    assert haidian.stage_limits.check.source.startswith("Yuncheng")
