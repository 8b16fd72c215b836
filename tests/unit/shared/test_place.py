"""Datum conversion against reference points of the published formula, and there and back again."""

from math import cos, hypot, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.place import Datum, Place, gcj02_to_bd09, to_wgs84, wgs84_to_gcj02

METRES = 111_320


def apart(a: Place, b: Place) -> float:
    return hypot((a.lon - b.lon) * cos(radians(a.lat)), a.lat - b.lat) * METRES


def test_the_shift_meets_the_reference_values() -> None:
    # The worked example that ships with the widely used coordtransform library.
    assert wgs84_to_gcj02(116.404, 39.915) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-9)
    assert gcj02_to_bd09(116.404, 39.915) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-9)


def test_gcj02_comes_back_to_the_reference_point() -> None:
    found = to_wgs84(116.41024449916938, 39.91640428150164, Datum.GCJ02)
    assert apart(found, Place(116.404, 39.915)) < 0.001


def test_bd09_comes_back_to_the_reference_point() -> None:
    found = to_wgs84(*gcj02_to_bd09(*wgs84_to_gcj02(116.404, 39.915)), Datum.BD09)
    assert apart(found, Place(116.404, 39.915)) < 0.001


@pytest.mark.parametrize("datum", [Datum.WGS84, Datum.CGCS2000])
def test_wgs84_and_cgcs2000_stay(datum: Datum) -> None:
    assert to_wgs84(116.3, 39.9, datum) == (116.3, 39.9)


def test_gcj02_is_not_shifted_outside_china() -> None:
    assert to_wgs84(-73.98, 40.75, Datum.GCJ02) == (-73.98, 40.75)


@given(st.floats(74, 135), st.floats(4, 53))
def test_every_place_in_china_comes_back_within_a_millimetre(lon: float, lat: float) -> None:
    here = Place(lon, lat)
    assert apart(to_wgs84(*wgs84_to_gcj02(lon, lat), Datum.GCJ02), here) < 0.001
    assert apart(to_wgs84(*gcj02_to_bd09(*wgs84_to_gcj02(lon, lat)), Datum.BD09), here) < 0.001
