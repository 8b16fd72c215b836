"""Tracks: measured, thinned out without leaving a fix behind, and refused when nobody moves like that."""

from itertools import pairwise
from math import cos, hypot, pi, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.track import (
    EARTH_M,
    MOST_KEPT,
    BadTrack,
    Fix,
    ImplausibleTrack,
    distance_m,
    simplify,
    track,
)
from shared.kernel.place import Place

METRE = 180 / pi / EARTH_M
LON, LAT = 116.3, 39.9


def walked(steps: list[tuple[float, float]], every: float = 60.0) -> list[Fix]:
    """Fixes at these offsets in metres (east, north)."""
    shrink = cos(radians(LAT))
    return [Fix(LON + x * METRE / shrink, LAT + y * METRE, n * every) for n, (x, y) in enumerate(steps)]


def off_line(fix: Fix, a: Fix, b: Fix) -> float:
    """Metres from a fix to the piece of line between two."""
    shrink = cos(radians(LAT))

    def flat(f: Fix) -> tuple[float, float]:
        return (f.lon - LON) / METRE * shrink, (f.lat - LAT) / METRE

    (px, py), (ax, ay), (bx, by) = flat(fix), flat(a), flat(b)
    dx, dy = bx - ax, by - ay
    long = dx * dx + dy * dy
    t = 0.0 if long == 0 else max(0.0, min(1.0, ((px - ax) * dx + (py - ay) * dy) / long))
    return hypot(px - ax - t * dx, py - ay - t * dy)


def test_a_degree_of_latitude_is_111_195_metres():
    assert distance_m(Place(0, 0), Place(0, 1)) == pytest.approx(EARTH_M * pi / 180)
    # Beijing's Tian'anmen to Shanghai's People's Square, as any calculator of great circles gives it.
    assert distance_m(Place(116.3975, 39.9087), Place(121.4692, 31.2323)) == pytest.approx(1_067_000, rel=0.005)


def test_a_straight_walk_keeps_its_ends_and_its_length():
    fixes = walked([(10.0 * n, 0.0) for n in range(101)])
    kept = track(fixes, 6000)
    assert kept.fixes == (fixes[0], fixes[-1])
    assert kept.recorded == 101
    assert kept.length_m == pytest.approx(1000, abs=0.5)


def test_there_and_back_is_twice_the_way():
    fixes = walked([(10.0 * n, 0.0) for n in range(51)] + [(10.0 * n, 0.0) for n in range(49, -1, -1)])
    assert track(fixes, 6000).length_m == pytest.approx(1000, abs=20)


def test_jitter_is_not_walked():
    fixes = walked([(float(n % 3), float(n % 2)) for n in range(500)], every=1.0)
    assert track(fixes, 500).length_m < 5


@given(
    st.lists(
        st.tuples(st.floats(-400, 400), st.floats(-400, 400)),
        min_size=3,
        max_size=60,
    ),
    st.sampled_from([5.0, 20.0, 80.0]),
)
def test_no_fix_lies_far_from_the_line_that_is_kept(steps, tolerance):
    fixes = walked(steps)
    kept = simplify(fixes, tolerance)
    assert (kept[0], kept[-1]) == (fixes[0], fixes[-1])
    places = [fixes.index(fix) for fix in kept]
    assert places == sorted(places)
    for a, b in pairwise(places):
        for left_out in fixes[a + 1 : b]:
            assert off_line(left_out, fixes[a], fixes[b]) <= tolerance * 1.4143


def test_a_zigzag_of_ten_thousand_fixes_is_thinned_to_what_may_be_kept():
    fixes = walked([(8.0 * n, 40.0 * (n % 2)) for n in range(10_000)], every=8.0)
    kept = track(fixes, 80_000)
    assert len(kept.fixes) <= MOST_KEPT
    assert kept.recorded == 10_000
    assert kept.tolerance_m > 5


@pytest.mark.parametrize(
    ("fixes", "refusal", "pointer"),
    [
        (walked([(0, 0), (3000, 0)], every=60), ImplausibleTrack, "/track/1"),
        ([Fix(LON, LAT, 0), Fix(LAT, LON, 60)], ImplausibleTrack, "/track/1"),
        ([Fix(LON, LAT, 60), Fix(LON, LAT, 30)], BadTrack, "/track/1/2"),
        ([Fix(LON, LAT, 0), Fix(LON, LAT, 900)], BadTrack, "/track/1/2"),
    ],
)
def test_what_nobody_walks_is_refused_by_the_fix(fixes, refusal, pointer):
    with pytest.raises(refusal) as refused:
        track(fixes, 600)
    assert refused.value.errors[0].pointer == pointer


def test_a_jump_between_high_buildings_is_let_pass():
    fixes = walked([(0, 0), (120, 0), (0, 0), (50, 0)], every=1.0)
    assert track(fixes, 60).recorded == 4
