"""A pack's hierarchy of areas with geometry, made the same way every time: nothing of it is stored in the repository.

Kept apart from `shared.packs` itself, because only those who need shapes should load the geometry library.
"""

import random
from collections import defaultdict
from typing import Any, NamedTuple

import shapely
from shapely import Geometry
from shapely.geometry import mapping

from shared.kernel.area import AreaPath
from shared.packs.cells import GRID, draw, located
from shared.packs.model import Cells, Pack, Subdivision
from shared.packs.problems import BadPack, Problem
from shared.packs.tables import Row, read_table
from shared.packs.tiling import Outline, Rect, divide, rings


class AreaFeature(NamedTuple):
    """An area of the hierarchy. `level` is a key of the pack's levels, `geometry` GeoJSON in WGS 84 degrees."""

    path: AreaPath
    name: str
    level: str
    geometry: dict[str, Any]


class StreetRow(Row):
    """`lon` and `lat`: about where it lies; `km2`: about how large it is."""

    code: str
    zh: str
    en: str
    lon: float
    lat: float
    km2: float


class CommunityRow(Row):
    code: str
    zh: str


def areas(pack: Pack) -> list[AreaFeature]:
    """Every area of the pack, the larger before the smaller that lie in it. Raises BadPack if its tables are wrong."""
    if isinstance(pack.geography, Subdivision):
        return _subdivided(pack, pack.geography)
    return _cells(pack, pack.geography)


def draw_places(pack: Pack, count: int) -> list[tuple[float, float]]:
    """`count` places, longitude and latitude, each well inside a grid drawn from the pack's fixed seed."""
    drawing = random.Random(pack.demo.seed)
    if isinstance(pack.geography, Cells):
        groups = located(pack.folder / pack.geography.requests)
        return drawing.choices([place for group in groups.values() for place in group], k=count)
    outline, placed = _rects(pack, pack.geography)
    grids = [rect for _, _, level, rect in placed if level == pack.levels[-1].key]
    return [
        outline.inside(rect, drawing.uniform(0.2, 0.8), drawing.uniform(0.2, 0.8))
        for rect in drawing.choices(grids, k=count)
    ]


def _subdivided(pack: Pack, plan: Subdivision) -> list[AreaFeature]:
    outline, placed = _rects(pack, plan)
    ring = rings(outline, (rect for _, _, level, rect in placed if level == pack.levels[-1].key))
    return [
        AreaFeature(path, name, level, {"type": "Polygon", "coordinates": [ring(rect)]})
        for path, name, level, rect in placed
    ]


def _rects(pack: Pack, plan: Subdivision) -> tuple[Outline, list[tuple[AreaPath, str, str, Rect]]]:
    problems: list[Problem] = []
    streets = [row for _, row in read_table(pack.folder, f"{pack.name}/streets.csv", StreetRow, problems)]
    communities = [row for _, row in read_table(pack.folder, f"{pack.name}/communities.csv", CommunityRow, problems)]
    if problems:
        raise BadPack(pack.name, problems)
    # 12 or 13 grids to a community, spread evenly.
    ends = [(i + 1) * plan.grids // len(communities) for i in range(len(communities))]
    grids = {row.code: end - start for row, start, end in zip(communities, [0, *ends], ends, strict=False)}
    members: dict[str, list[CommunityRow]] = defaultdict(list)
    for row in communities:
        members[row.code[:9]].append(row)

    outline = Outline([(row.lat, row.west, row.east) for row in plan.outline])
    district, street, community, grid = (level.key for level in pack.levels)
    placed: list[tuple[AreaPath, str, str, Rect]] = [(AreaPath(pack.area), plan.name.zh, district, outline.whole)]
    parts = divide(outline, outline.whole, streets, lambda s: s.km2, lambda s: outline.place(s.lon, s.lat))
    for s, street_rect in sorted(parts, key=lambda part: part[0].code):
        street_path = AreaPath(f"{pack.area}.{s.code[6:9]}")
        placed.append((street_path, s.zh, street, street_rect))
        for c, community_rect in divide(outline, street_rect, members[s.code], lambda c: grids[c.code]):
            path = AreaPath(f"{street_path}.{c.code[9:12]}")
            placed.append((path, c.zh, community, community_rect))
            name = c.zh.removesuffix("居委会")
            for n, rect in divide(outline, community_rect, range(1, grids[c.code] + 1), lambda _: 1.0):
                placed.append((AreaPath(f"{path}.{n:03}"), f"{name}{n:03}网格", grid, rect))
    return outline, placed


def _cells(pack: Pack, plan: Cells) -> list[AreaFeature]:
    drawn = draw(located(pack.folder / plan.requests), plan.points_per_cell, plan.margin_m)
    borough, board, zip_code, grid = (level.key for level in pack.levels)
    leaves: list[tuple[AreaPath, str, str, Geometry]] = []
    parts: dict[tuple[AreaPath, str, str], list[Geometry]] = defaultdict(list)
    for (top, number, code), cells in drawn.items():
        segment, name = plan.top[top]
        path = AreaPath(f"{segment}.{number}.{code}")
        titles = (name.en, f"{name.en} {_or_none(number, '00')}", f"{_or_none(code, '00000')} ({segment} {number})")
        for level, prefix, title in zip((borough, board, zip_code), path.prefixes(), titles, strict=True):
            parts[AreaPath(prefix), title, level].extend(cells)
        leaves += [(path.child(f"{n:03}"), f"{titles[2]} {n:03}", grid, cell) for n, cell in enumerate(cells, 1)]
    upper = [(*key, shapely.union_all(shapes, grid_size=GRID)) for key, shapes in parts.items()]
    return [AreaFeature(path, name, level, mapping(shape)) for path, name, level, shape in sorted(upper + leaves)]


def _or_none(text: str, absent: str) -> str:
    return "unspecified" if text == absent else text
