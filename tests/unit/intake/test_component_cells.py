"""Cells: near places have near numbers, and the runs of a box miss nothing in it."""

from itertools import pairwise
from math import asin, cos, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.cells import Box, box_around, cell_of, metres_per_degree, runs

LON = st.floats(-180, 180, allow_nan=False)
LAT = st.floats(-90, 90, allow_nan=False)


def within(cell: int, box: Box) -> bool:
    return any(run.low <= cell <= run.high for run in runs(box))


@given(LON, LAT)
def test_a_cell_fits_a_bigint(lon: float, lat: float) -> None:
    assert 0 <= cell_of(lon, lat) < 2**62


@given(LON, LAT, LON, LAT, st.floats(0, 1), st.floats(0, 1))
def test_every_place_of_a_box_is_in_its_runs(
    a: float, b: float, c: float, d: float, across: float, along: float
) -> None:
    box = Box(min(a, c), min(b, d), max(a, c), max(b, d))
    lon = min(max(box.west + across * (box.east - box.west), box.west), box.east)
    lat = min(max(box.south + along * (box.north - box.south), box.south), box.north)
    assert within(cell_of(lon, lat), box)


@given(st.floats(-179, 179), st.floats(-85, 85), st.floats(0.1, 1000), st.floats(0, 1), st.floats(0, 6.28))
def test_what_lies_within_a_distance_is_in_the_box_around(
    lon: float, lat: float, metres: float, share: float, angle: float
) -> None:
    per_lon, per_lat = metres_per_degree(lat)
    at = lon + cos(angle) * metres * share / per_lon, lat + sin(angle) * metres * share / per_lat
    assert within(cell_of(*at), box_around(lon, lat, metres))


@given(LON, LAT, LON, LAT)
def test_runs_are_few_in_order_and_apart(a: float, b: float, c: float, d: float) -> None:
    found = runs(Box(min(a, c), min(b, d), max(a, c), max(b, d)))
    assert 1 <= len(found) <= 12
    assert all(one.low <= one.high for one in found)
    assert all(one.high < other.low for one, other in pairwise(found))


def test_the_runs_of_a_hundred_metres_hold_little_else() -> None:
    """Squares a fifth of the box or so: what is fetched and thrown away is bounded."""
    box = box_around(116.31, 39.98, 100)
    cells = sum(run.high - run.low + 1 for run in runs(box))
    wanted = (box.east - box.west) * (box.north - box.south) / (360 * 180) * 2**62
    assert cells < 6 * wanted


@pytest.mark.parametrize("lat", [0.0, 39.98, -33.9, 60.0])
def test_metres_of_a_degree_agree_with_the_sphere_to_half_a_percent(lat: float) -> None:
    per_lon, per_lat = metres_per_degree(lat)
    north = 2 * 6371008.8 * asin(sqrt(sin(radians(0.001) / 2) ** 2)) / 0.001
    east = north * cos(radians(lat))
    assert per_lat == pytest.approx(north, rel=0.006)
    assert per_lon == pytest.approx(east, rel=0.006)


def test_a_degree_at_the_equator_has_its_published_length() -> None:
    """WGS 84: 111.320 km of longitude and 110.574 km of latitude at 0°; 55.800 and 111.412 at 60°."""
    assert metres_per_degree(0.0) == pytest.approx((111_320, 110_574), abs=1)
    assert metres_per_degree(60.0) == pytest.approx((55_800, 111_412), abs=1)


@pytest.mark.parametrize(
    "box", [Box(-180, -90, 180, 90), Box(0, -90, 180, 90), Box(1, 1, 1, 1), Box(-180, 39, 180, 39.0001)]
)
def test_boxes_at_the_limits_take_no_time(box: Box) -> None:
    assert 1 <= len(runs(box)) <= 12
