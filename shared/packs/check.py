"""Everything that can be found out about a pack without starting anything: `wangge pack check`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import shapely
from shapely.geometry import shape

from shared.kernel.area import AreaPath
from shared.packs.cells import neighbourhood
from shared.packs.geography import AreaFeature, areas
from shared.packs.loader import PACKS, load
from shared.packs.model import Cells, Pack
from shared.packs.problems import BadPack, Problem
from shared.packs.routing import FILE as ROUTING
from shared.packs.routing import parse_rules
from shared.packs.tables import lines


def check(name: str, folder: Path = PACKS) -> list[Problem]:
    """What is wrong with the pack `name`; nothing, if it can be used. Takes a second or two."""
    try:
        pack = load(name, folder)
        drawn = areas(pack)
    except BadPack as bad:
        return bad.problems
    grids = [area for area in drawn if area.level == pack.levels[-1].key]
    return [*_tiling(pack, grids), *_routing(pack, drawn), *_rules(pack, drawn), *_demo(pack), *_own_cells(pack, grids)]


def _tiling(pack: Pack, grids: Sequence[AreaFeature]) -> Iterator[Problem]:
    """No gap and no overlap: neighbours share their edges vertex by vertex, and the union has no hole."""
    shapes = [shape(grid.geometry) for grid in grids]
    where = "/geography"
    if len({grid.path for grid in grids}) < len(grids):
        yield Problem(f"{pack.name}/pack.yaml", where, "two grids have the same path")
    if not shapely.coverage_is_valid(shapes):
        wrong = shapely.coverage_invalid_edges(shapes)
        first = next(grid.path for grid, edges in zip(grids, wrong, strict=True) if not edges.is_empty)
        yield Problem(f"{pack.name}/pack.yaml", where, f"grids overlap, or leave a sliver between them, at {first}")
    if holes := sum(len(part.interiors) for part in shapely.get_parts(shapely.coverage_union_all(shapes))):
        yield Problem(f"{pack.name}/pack.yaml", where, f"{holes} places inside the outline lie in no grid")


def _routing(pack: Pack, drawn: Sequence[AreaFeature]) -> Iterator[Problem]:
    """Somebody answers for every category everywhere; the areas of units are areas of the pack."""
    paths = {area.path for area in drawn} | {""}
    for unit in pack.units.values():
        if unit.area not in paths:
            yield Problem(f"{pack.name}/units.csv", f"/{unit.code}/area", f"there is no area {unit.area!r}")
    grids = [area.path for area in drawn if area.level == pack.levels[-1].key]
    for dept in sorted({category.dept for category in pack.categories.values()}):
        answering = [AreaPath(unit.area) for unit in pack.units.values() if unit.dept == dept]
        nobody = [] if pack.area in answering else [g for g in grids if not any(a.covers(g) for a in answering)]
        if nobody:
            message = f"no unit of department {dept!r} answers for {nobody[0]} ({len(nobody)} grids)"
            yield Problem(f"{pack.name}/units.csv", "", message)


def _rules(pack: Pack, drawn: Sequence[AreaFeature]) -> Iterator[Problem]:
    """Areas that routing rules name are areas of the pack."""
    paths, file = {area.path for area in drawn} | {""}, f"{pack.name}/{ROUTING}"
    for number, rule in enumerate(parse_rules(pack.routing.encode(), file, [])):
        for area in rule.when.area or ():
            if area not in paths:
                where = f"/rules/{number}/when/area"
                yield Problem(file, where, f"rule {rule.name!r}: there is no area {str(area)!r}")


def _demo(pack: Pack) -> Iterator[Problem]:
    complaints = {row["Complaint Type"]: line for line, row in lines(pack.folder / pack.demo.requests)}
    for complaint, line in complaints.items():
        if complaint not in pack.demo.categories:
            message = f"complaint type {complaint!r} ({pack.demo.requests} line {line}) has no category"
            yield Problem(f"{pack.name}/pack.yaml", "/demo/categories", message)


def _own_cells(pack: Pack, grids: Sequence[AreaFeature]) -> Iterator[Problem]:
    """In a pack of cells, every located request lies in one cell, and in one of its own neighbourhood."""
    if not isinstance(pack.geography, Cells):
        return
    tree = shapely.STRtree([shape(grid.geometry) for grid in grids])
    for line, row in lines(pack.folder / pack.geography.requests):
        if not row["Latitude"]:
            continue
        top, board, code = neighbourhood(row)
        own = f"{pack.geography.top[top][0]}.{board}.{code}"
        place = shapely.Point(float(row["Longitude"]), float(row["Latitude"]))
        found = [grids[i].path.parent for i in tree.query(place, predicate="intersects")]
        if found != [own]:
            yield Problem(pack.geography.requests, f"line {line}", f"lies in {found}, not in {own}")
