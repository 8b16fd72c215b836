"""Duplicates 重复上报: when two reports tell of the same matter, and which cluster of reports a new one joins.

A cluster is known by its first report, and everything is measured from there: from its place and its time, so that
clusters do not creep along a street, or from week to week, as reports join them. It lies in one cell of a fixed net; a
report is compared with what lies in the cells that its own circle touches.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from math import cos, floor, hypot, radians
from typing import Final, NamedTuple
from uuid import UUID
from zlib import crc32

from shared.kernel.errors import Conflict

# Metres to a degree of latitude on the mean sphere (6,371,008.8 m); what the ellipsoid differs by is 0.3 % of a radius.
METRES: Final = 111_195.08
# Of latitude; at 40° a cell is 190 m wide, and the circle of a radius of 30 m touches 1.6 of them on average.
CELL_M: Final = 250.0
# Of one matter. A case tells all its reports in each of its facts, so they must not grow without an end.
MOST: Final = 500
# Cells are locked by the bucket: two groups of thirty reports meet in one by chance one time in five, and the locks of
# a batch of a thousand lines stay far below the 7,000 that a PostgreSQL of default settings has room for.
BUCKETS: Final = 4096

_STEP = CELL_M / METRES
_COLUMNS, _ROWS_BITS, _COLUMNS_BITS = floor(360 / _STEP) + 1, 17, 18
# A circle is looked at a thousandth wider than it is, so that no rounding hides what lies on its edge.
_WIDER = 1.001


class NotMerged(Conflict):
    slug, title, title_zh = "not-merged", "The report was merged into no other", "该上报未被合并"


class Likeness(NamedTuple):
    """How far and how long reports of a category tell of one matter; `family` stands for it and its siblings."""

    radius_m: float
    window: timedelta
    family: str


Likenesses = Mapping[str, Likeness]
"""By category; one that is not there has no duplicates."""


class Seen(NamedTuple):
    """What of a report is compared: `at` is when it happened, or came. Degrees WGS 84. `component` 部件 is the code of
    the one that it names.
    """

    id: UUID
    category: str
    lon: float
    lat: float
    at: datetime
    component: int | None = None


class Cluster(NamedTuple):
    """Reports of one matter whose case has not ended. `id`, `category`, place, `at` and `component` are its first
    report's; `reports` is how many there are. `record_key` is that of all their facts, so that readers hear of the
    first one first.
    """

    id: UUID
    spot: int
    category: str
    lon: float
    lat: float
    at: datetime
    record_key: str
    reports: int
    component: int | None = None


class Joins(NamedTuple):
    """The report tells of what `cluster` tells of, so many metres from it."""

    cluster: Cluster
    metres: float


def own_spot(likeness: Likeness, lon: float, lat: float) -> int:
    """The cell in which a place lies, as a key of the family."""
    return _key_of(likeness.family) | _cell(lon, lat)


def spots(likeness: Likeness, lon: float, lat: float) -> list[int]:
    """The cells that the circle round a place touches, as keys of the family: the place's own is the first."""
    far = likeness.radius_m * _WIDER / METRES
    wide = far / max(cos(radians(lat)), 0.01)
    family = _key_of(likeness.family)
    own = family | _cell(lon, lat)
    west, east = floor((lon - wide + 180) / _STEP), floor((lon + wide + 180) / _STEP)
    south, north = floor((lat - far + 90) / _STEP), floor((lat + far + 90) / _STEP)
    if west == east and south == north:
        return [own]
    found = [own]
    for row in range(max(south, 0), north + 1):
        for column in range(west, east + 1):
            spot = family | row << _COLUMNS_BITS | column % _COLUMNS
            if spot != own:
                found.append(spot)
    return found


def bucket(spot: int) -> int:
    """Which lock guards a cell: multiplied by the golden ratio, so that neighbours do not share one."""
    return (spot * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 52


def metres(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Between two places at most a few kilometres apart: off by less than a centimetre in 500 m."""
    across = (lon - other_lon + 180) % 360 - 180
    return METRES * hypot(across * cos(radians((lat + other_lat) / 2)), lat - other_lat)


def alike(seen: Seen, cluster: Cluster, likenesses: Likenesses) -> float | None:
    """How many metres `seen` lies from a cluster of the same matter; None if it is another matter.

    Of siblings with unlike radii or windows the narrower counts. Two components that are named are two matters, however
    near they stand.
    """
    mine, other = likenesses[seen.category], likenesses.get(cluster.category)
    if other is None or mine.family != other.family or cluster.reports >= MOST:
        return None
    if seen.component != cluster.component and None not in (seen.component, cluster.component):
        return None
    if abs(seen.at - cluster.at) > min(mine.window, other.window):
        return None
    away = metres(seen.lon, seen.lat, cluster.lon, cluster.lat)
    return away if away <= min(mine.radius_m, other.radius_m) else None


def sort_out(
    reports: Iterable[tuple[Seen, Sequence[int], str]], known: Iterable[Cluster], likenesses: Likenesses
) -> list[Joins | None]:
    """For each report, with its cells and its record key, in the order they came: which it joins of `known` and of the
    clusters opened before it; None: it opens one. The nearest counts; of equally near ones the older.
    """
    at: dict[int, list[Cluster]] = {}
    for cluster in known:
        at.setdefault(cluster.spot, []).append(cluster)
    found: list[Joins | None] = []
    for seen, cells, record_key in reports:
        near: list[Cluster] = []
        for spot in cells:
            if spot in at:
                near += at[spot]
        best = nearest(seen, near, likenesses) if near else None
        found.append(best)
        if best is None:
            at.setdefault(cells[0], []).append(opened(seen, cells[0], record_key))
        else:
            there = at[best.cluster.spot]
            there[there.index(best.cluster)] = best.cluster._replace(reports=best.cluster.reports + 1)
    return found


def opened(seen: Seen, spot: int, record_key: str, reports: int = 1) -> Cluster:
    """The cluster whose first report `seen` is."""
    return Cluster(seen.id, spot, seen.category, seen.lon, seen.lat, seen.at, record_key, reports, seen.component)


def nearest(seen: Seen, clusters: Iterable[Cluster], likenesses: Likenesses) -> Joins | None:
    """The cluster that `seen` joins, if any."""
    near = [Joins(c, away) for c in clusters if (away := alike(seen, c, likenesses)) is not None]
    return min(near, key=lambda joins: (joins.metres, joins.cluster.id), default=None)


@cache
def _key_of(family: str) -> int:
    return (crc32(family.encode()) >> 5) << (_ROWS_BITS + _COLUMNS_BITS + 1)


def _cell(lon: float, lat: float) -> int:
    return floor((lat + 90) / _STEP) << _COLUMNS_BITS | floor((lon + 180) / _STEP) % _COLUMNS
