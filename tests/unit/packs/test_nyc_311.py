"""New York by its own requests: every located one lies in its own cell."""

from collections import Counter, defaultdict
from datetime import date

import pytest
import shapely
from shapely.geometry import shape

from shared.packs import Pack, load
from shared.packs.cells import neighbourhood
from shared.packs.check import check
from shared.packs.geography import AreaFeature, areas
from shared.packs.tables import lines


@pytest.fixture(scope="module")
def nyc() -> Pack:
    return load("nyc-311")


@pytest.fixture(scope="module")
def hierarchy(nyc: Pack) -> list[AreaFeature]:
    return areas(nyc)


@pytest.fixture(scope="module")
def requests(nyc: Pack) -> list[dict[str, str]]:
    return [row for _, row in lines(nyc.folder / nyc.demo.requests)]


def test_the_requests_are_all_there_and_eleven_have_no_place(requests: list[dict[str, str]]) -> None:
    assert len(requests) == 924
    assert sum(not row["Latitude"] for row in requests) == 11


def test_zips_lie_in_several_boards_so_the_level_is_the_zip_within_a_board(
    requests: list[dict[str, str]], hierarchy: list[AreaFeature]
) -> None:
    boards = defaultdict(set)
    for row in requests:
        boards[row["Incident Zip"]].add(row["Community Board"])
    assert sum(len(found) > 1 for found in boards.values()) == 53
    assert Counter(area.level for area in hierarchy) == {"borough": 5, "board": 63, "zip": 211, "grid": 307}


def test_every_located_request_lies_in_exactly_one_cell_of_its_own_neighbourhood(
    nyc: Pack, requests: list[dict[str, str]], hierarchy: list[AreaFeature]
) -> None:
    tops = nyc.geography.top if nyc.geography.kind == "cells" else {}
    grids = [area for area in hierarchy if area.level == "grid"]
    tree = shapely.STRtree([shape(grid.geometry) for grid in grids])
    placed = 0
    for row in requests:
        if row["Latitude"]:
            borough, board, code = neighbourhood(row)
            place = shapely.Point(float(row["Longitude"]), float(row["Latitude"]))
            found = [grids[i].path.parent for i in tree.query(place, predicate="intersects")]
            assert found == [f"{tops[borough][0]}.{board}.{code}"]
            placed += 1
    assert placed == 913


def test_cells_do_not_overlap_and_leave_no_hole(hierarchy: list[AreaFeature]) -> None:
    grids = [shape(area.geometry) for area in hierarchy if area.level == "grid"]
    assert shapely.coverage_is_valid(grids)
    whole = shapely.coverage_union_all(grids)
    assert whole.geom_type == "Polygon"
    assert not whole.interiors


def test_the_same_cells_are_drawn_every_time(nyc: Pack, hierarchy: list[AreaFeature]) -> None:
    assert areas(nyc) == hierarchy


def test_complaint_types_are_categories_of_the_agency_most_of_them_went_to(
    nyc: Pack, requests: list[dict[str, str]]
) -> None:
    assert {category.name.en for category in nyc.categories.values()} == {row["Complaint Type"] for row in requests}
    assert set(nyc.demo.categories) == {row["Complaint Type"] for row in requests}
    unit = nyc.unit_for("rodent", "BX.04.10452.001")
    assert unit is not None
    assert unit.code == "dohmh"


def test_the_first_acts_are_automatic(nyc: Pack) -> None:
    assert all(nyc.automatic.model_dump().values())
    assert nyc.area == ""


def test_federal_holidays_are_not_worked(nyc: Pack) -> None:
    assert nyc.time_zone == "America/New_York"
    assert not nyc.calendar.is_workday(date(2022, 5, 30))
    assert not nyc.calendar.is_workday(date(2026, 7, 3))  # observed: the Fourth is a Saturday
    assert nyc.calendar.is_workday(date(2022, 5, 2))
    assert nyc.calendar.is_provisional(2021)


@pytest.mark.parametrize("name", ["haidian", "nyc-311"])
def test_both_packs_pass_their_own_check(name: str) -> None:
    assert check(name) == []
