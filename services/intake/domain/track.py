"""Tracks 轨迹 of patrols: what a telephone recorded, judged, thinned out and measured."""

from collections.abc import Sequence
from itertools import pairwise
from math import asin, atan2, cos, inf, pi, radians, sin, sqrt
from typing import Final, NamedTuple

from shared.kernel.errors import FieldError, Invalid
from shared.kernel.place import Place

# A fix a second for almost three hours, or one in nine seconds for a whole day.
MOST_FIXES: Final = 10_000
MOST_KEPT: Final = 500
# What telephones are off by in the open. Jitter below it is not walked.
TOLERANCE_M: Final = 5.0
# 120 km/h, the most that is allowed anywhere on China's roads (implementing regulation of the Road Traffic Safety Law
# 道路交通安全法实施条例, art. 78). Between high buildings a fix jumps: shorter steps are not judged.
MOST_SPEED_M_S: Final = 120 / 3.6
JUMP_M: Final = 150.0
MOST_LENGTH_M: Final = 300_000.0
# IUGG mean radius.
EARTH_M: Final = 6_371_008.8


class ImplausibleTrack(Invalid):
    slug, title, title_zh = "implausible-track", "Nobody moves like this", "轨迹不合理"


class BadTrack(Invalid):
    slug, title, title_zh = "bad-track", "Not a track in the order of time", "轨迹无效"


class Fix(NamedTuple):
    """Where somebody was: degrees, WGS 84, and seconds since the activity began."""

    lon: float
    lat: float
    seconds: float


class Track(NamedTuple):
    """What is kept: at most 500 of the fixes, none left out that lies further than `tolerance_m` × √2 from the line.

    `length_m` is that of the line, by haversine, so that jitter is not counted.
    """

    fixes: tuple[Fix, ...]
    recorded: int
    length_m: float
    tolerance_m: float


def distance_m(a: Place | Fix, b: Place | Fix) -> float:
    """Metres along the great circle, by haversine; the sphere is off by 0.5 % at the most."""
    phi_a, phi_b = radians(a.lat), radians(b.lat)
    h = sin((phi_b - phi_a) / 2) ** 2 + cos(phi_a) * cos(phi_b) * sin(radians(b.lon - a.lon) / 2) ** 2
    return 2 * EARTH_M * asin(min(1.0, sqrt(h)))


def track(fixes: Sequence[Fix], lasted_s: float) -> Track:
    """The track as it is kept; `lasted_s` is how long the activity took. Raises BadTrack, ImplausibleTrack."""
    _in_order(fixes, lasted_s)
    _plausible(fixes)
    tolerance = TOLERANCE_M
    kept = simplify(fixes, tolerance)
    while len(kept) > MOST_KEPT:
        tolerance *= 2
        kept = simplify(fixes, tolerance)
    length = sum(distance_m(a, b) for a, b in pairwise(kept))
    if length > MOST_LENGTH_M:
        raise ImplausibleTrack(
            f"{length / 1000:.0f} km in one activity; {MOST_LENGTH_M / 1000:.0f} are the most",
            errors=[FieldError("/track", "too long")],
        )
    return Track(tuple(kept), len(fixes), round(length, 1), tolerance)


def _in_order(fixes: Sequence[Fix], lasted_s: float) -> None:
    before = 0.0
    for n, fix in enumerate(fixes):
        if not before <= fix.seconds <= lasted_s + 60:
            words = f"seconds must rise from 0 to the {lasted_s:.0f} that lie between started_at and ended_at"
            raise BadTrack(
                f"fix {n} is at {fix.seconds:g} s, after one at {before:g}; {words}",
                errors=[FieldError(f"/track/{n}/2", words)],
            )
        before = fix.seconds


def _plausible(fixes: Sequence[Fix]) -> None:
    for n, (a, b) in enumerate(pairwise(fixes), start=1):
        step = distance_m(a, b)
        took = b.seconds - a.seconds
        if step > JUMP_M and step > MOST_SPEED_M_S * took:
            raise ImplausibleTrack(
                f"from fix {n - 1} to fix {n} it is {step:.0f} m, in {took:g} s; more than 120 km/h is taken for a "
                "fault of the receiver or of the order of longitude and latitude",
                errors=[FieldError(f"/track/{n}", f"{step:.0f} m in {took:g} s")],
            )


def simplify(fixes: Sequence[Fix], tolerance_m: float) -> list[Fix]:
    """First, last, and those in between without which the line would leave a fix behind.

    One pass: from the last fix kept, the directions in which a line still passes every fix since within the tolerance
    are a cone; the fix that leaves it, or turns back, ends the line at the one before. 10,000 fixes take 20 to 30 ms
    whatever their shape, where the halving method of Douglas and Peucker may compare each with each.
    """
    if len(fixes) < 3:
        return list(fixes)
    scale = pi / 180 * EARTH_M
    shrink = cos(radians(fixes[0].lat)) * scale
    kept = [fixes[0]]
    anchor = 0
    middle, left, right, reach = 0.0, -inf, inf, 0.0
    n = 1
    while n < len(fixes):
        x, y = (fixes[n].lon - fixes[anchor].lon) * shrink, (fixes[n].lat - fixes[anchor].lat) * scale
        far = sqrt(x * x + y * y)
        if far > tolerance_m or reach:
            bearing = atan2(y, x)
            if not reach:
                middle = bearing
            turned = (bearing - middle + pi) % (2 * pi) - pi
            if reach and (not left <= turned <= right or far < reach - tolerance_m):
                anchor = n - 1
                kept.append(fixes[anchor])
                left, right, reach = -inf, inf, 0.0
                continue
            half = asin(min(1.0, tolerance_m / far)) if far else pi
            left, right, reach = max(left, turned - half), min(right, turned + half), max(reach, far)
        n += 1
    kept.append(fixes[-1])
    return kept
