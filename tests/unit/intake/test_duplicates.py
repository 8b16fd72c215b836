"""When reports tell of the same matter: radius, window, siblings, and which cluster is joined."""

from datetime import UTC, datetime, timedelta
from math import cos, radians, sin
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.duplicates import (
    BUCKETS,
    METRES,
    MOST,
    Cluster,
    Likeness,
    Seen,
    bucket,
    metres,
    nearest,
    opened,
    sort_out,
    spots,
)
from shared.contracts.handover import Belonging, belongings

AT = datetime(2026, 5, 1, 8, tzinfo=UTC)
RULES = {
    "lamp": Likeness(30, timedelta(hours=72), "lamp"),
    "box": Likeness(20, timedelta(hours=48), "lamp"),
    "noise": Likeness(100, timedelta(hours=12), "noise"),
    "wide": Likeness(500, timedelta(hours=1), "wide"),
}
LON, LAT = 116.3, 39.9


def seen(n: int, category: str = "lamp", east: float = 0, north: float = 0, hours: float = 0) -> Seen:
    lat = LAT + north / METRES
    return Seen(UUID(int=n), category, LON + east / METRES / cos(radians(lat)), lat, AT + timedelta(hours=hours))


def outcome(*reports: Seen, known: tuple[Cluster, ...] = ()) -> list[int | None]:
    """For each report the number of the one it joins, None where it opens a cluster."""
    asked = [(each, spots(RULES[each.category], each.lon, each.lat), "110108.001") for each in reports]
    found = sort_out(asked, known, RULES)
    return [None if each is None else each.cluster.id.int for each in found]


@pytest.mark.parametrize(("away", "same"), [(0, True), (29.9, True), (30.2, False)])
@pytest.mark.parametrize("angle", [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_the_radius_is_the_same_in_every_direction(away: float, same: bool, angle: tuple[int, int]) -> None:
    assert outcome(seen(1), seen(2, east=away * angle[0], north=away * angle[1])) == [None, 1 if same else None]


@pytest.mark.parametrize(("hours", "same"), [(72, True), (72.01, False), (-72, True), (-72.01, False)])
def test_the_window_is_from_the_first_report_either_way(hours: float, same: bool) -> None:
    assert outcome(seen(1), seen(2, hours=hours)) == [None, 1 if same else None]


def test_of_siblings_the_narrower_counts() -> None:
    assert outcome(seen(1), seen(2, "box", north=19)) == [None, 1]
    assert outcome(seen(1), seen(2, "box", north=21)) == [None, None]
    assert outcome(seen(1, "box"), seen(2, north=21)) == [None, None]
    assert outcome(seen(1), seen(2, "box", hours=49)) == [None, None]


def test_other_categories_are_other_matters() -> None:
    assert outcome(seen(1), seen(2, "noise"), seen(3), seen(4, "noise")) == [None, None, 1, 2]


def test_the_nearest_counts_and_of_equally_near_ones_the_older() -> None:
    assert outcome(seen(1), seen(2, north=50), seen(3, north=28), seen(4, north=20)) == [None, None, 2, 1]
    assert nearest(seen(9), [_cluster(seen(5)), _cluster(seen(3)), _cluster(seen(7))], RULES).cluster.id.int == 3  # type: ignore[union-attr]


def test_two_components_that_are_named_are_two_matters() -> None:
    def of(n: int, component: int | None, north: float = 0) -> Seen:
        return seen(n, north=north)._replace(component=component)

    assert outcome(of(1, 7), of(2, 8, north=2), of(3, 7), of(4, 8), of(5, None, north=2)) == [None, None, 1, 2, 2]
    assert outcome(of(1, None), of(2, 7), of(3, 8)) == [None, 1, 1]
    cluster = opened(of(1, 7), 5, "110108.001")
    assert cluster.component == 7
    assert nearest(of(2, 8), [cluster], RULES) is None


def test_clusters_do_not_creep() -> None:
    assert outcome(seen(1), seen(2, north=25), seen(3, north=50)) == [None, 1, None]


def test_a_full_cluster_takes_no_more() -> None:
    assert outcome(seen(2), seen(3), known=(_cluster(seen(1))._replace(reports=MOST - 1),)) == [1, None]


def _cluster(first: Seen) -> Cluster:
    spot = spots(RULES[first.category], first.lon, first.lat)[0]
    return Cluster(first.id, spot, first.category, first.lon, first.lat, first.at, "110108.001", 1)


LONGITUDES = st.floats(-180, 180, allow_nan=False)
LATITUDES = st.floats(-80, 80, allow_nan=False)
CATEGORIES = st.sampled_from(sorted(RULES))


@given(LONGITUDES, LATITUDES, CATEGORIES, st.floats(0, 1), st.floats(0, 6.3))
def test_two_that_are_near_share_a_cell_that_both_touch(
    lon: float, lat: float, category: str, share: float, angle: float
) -> None:
    like = RULES[category]
    away = like.radius_m * share
    other_lat = lat + away * sin(angle) / METRES
    other_lon = lon + away * cos(angle) / METRES / cos(radians(lat))
    if abs(other_lon) > 180 or metres(lon, lat, other_lon, other_lat) > like.radius_m:
        return
    mine, others = spots(like, lon, lat), spots(like, other_lon, other_lat)
    assert mine[0] in others
    assert others[0] in mine


@given(LONGITUDES, st.floats(-90, 90, allow_nan=False), CATEGORIES)
def test_a_spot_is_a_bigint_and_has_a_bucket(lon: float, lat: float, category: str) -> None:
    found = spots(RULES[category], lon, lat)
    assert len(set(found)) == len(found)
    for spot in found:
        assert 0 <= spot < 2**63
        assert 0 <= bucket(spot) < BUCKETS


def test_families_share_no_spot() -> None:
    assert spots(RULES["lamp"], LON, LAT)[0] == spots(RULES["box"], LON, LAT)[0]
    assert spots(RULES["lamp"], LON, LAT)[0] != spots(RULES["noise"], LON, LAT)[0]


def test_the_cell_is_told_of_whoever_opens() -> None:
    one = seen(1)
    cells = spots(RULES["lamp"], one.lon, one.lat)
    assert sort_out([(one, cells, "110108.001")], [], RULES) == [None]


def test_a_case_apart_takes_its_report_from_the_case_that_it_shared() -> None:
    shared = {"case_id": "b", "act": "add_report", "reports": ["1", "2"], "new_reports": ["2"]}
    own = {"case_id": "a", "act": "open", "reports": ["2"], "apart_from": "1"}
    assert belongings(shared)["2"] == Belonging("b", False)
    assert belongings(own)["2"] == Belonging("a", True)
    assert belongings(shared)["2"].yields_to(belongings(own)["2"])
    assert not belongings(own)["2"].yields_to(belongings(shared)["2"])
