"""Datum conversion against published reference points, of the formula and of the maps' own services; there and back."""

from math import cos, hypot, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.place import ERROR_M, Datum, Place, gcj02_to_bd09, to_wgs84, wgs84_to_gcj02

METRES = 111_320


def apart(a: Place, b: Place) -> float:
    return hypot((a.lon - b.lon) * cos(radians(a.lat)), a.lat - b.lat) * METRES


def test_the_shift_meets_the_reference_values() -> None:
    # The worked example that ships with the widely used coordtransform library.
    assert wgs84_to_gcj02(116.404, 39.915) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-9)
    assert gcj02_to_bd09(116.404, 39.915) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-9)


# Of the formula: the points that the tests of github.com/googollee/eviltransform go by, in each of its languages.
FORMULA = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
]
# Of the services themselves, which shift by the real thing: AMap's answer in its own manual (lbs.amap.com, 坐标转换:
# coordsys=gps) and to two further points; Baidu's to the example of its manual (lbsyun.baidu.com, geoconv).
SERVICES = [
    (Datum.GCJ02, (116.481499, 39.990475), (116.487585177952, 39.991754014757)),
    (Datum.GCJ02, (116.481499, 39.990375), (116.487585177952, 39.991653917101)),
    (Datum.GCJ02, (114.07, 22.62), (114.07513075, 22.61731092)),
    (Datum.BD09, (114.21892734521, 29.575429778924), (114.2307519546763, 29.57908428837437)),
]


@pytest.mark.parametrize(("wgs84", "gcj02"), FORMULA)
def test_the_formula_meets_its_published_points(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(*wgs84) == pytest.approx(gcj02, abs=1e-12)
    assert apart(to_wgs84(*gcj02, Datum.GCJ02), Place(*wgs84)) < 0.001


@pytest.mark.parametrize(("datum", "wgs84", "theirs"), SERVICES)
def test_what_the_maps_themselves_answer_is_met_within_the_stated_error(
    datum: Datum, wgs84: tuple[float, float], theirs: tuple[float, float]
) -> None:
    assert apart(to_wgs84(*theirs, datum), Place(*wgs84)) < ERROR_M[datum]
    if datum is Datum.GCJ02:
        assert apart(wgs84_to_gcj02(*wgs84), Place(*theirs)) < 0.2  # 4 to 12 cm


def test_bd09_is_shifted_from_gcj02_as_alibaba_cloud_shifts_it() -> None:
    # The example of its manual (help.aliyun.com, 坐标系转换), to six digits. (Its WGS 84 is 1.7 m off.)
    assert apart(gcj02_to_bd09(120.026268, 30.279164), Place(120.032768, 30.285238)) < 0.1


def test_every_datum_has_a_stated_error() -> None:
    assert set(ERROR_M) == set(Datum)


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
