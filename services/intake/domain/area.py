"""Areas 区域 as they are defined, and what a definition may not contain."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from shared.kernel.area import AreaPath
from shared.kernel.errors import Conflict, FieldError, Invalid, NotFound
from shared.kernel.place import Place

# A refusal names this many of what is wrong, and counts the rest.
NAMED: Final = 20


class AreasRefused(Invalid):
    """An import that would leave the city's areas wrong; nothing of it was taken."""

    slug, title, title_zh = "areas-refused", "These areas cannot be taken over", "区域数据未通过检查"


class UnreadableAreas(Invalid):
    slug, title, title_zh = "unreadable-areas", "Not a file of areas", "区域文件无法读取"


class AreaNotFound(NotFound):
    slug, title, title_zh = "area-not-found", "No such area", "区域不存在"


class AreaHasParts(Conflict):
    """Only areas without areas below them are split and merged; others are cut anew by an import."""

    slug, title, title_zh = "area-has-parts", "There are areas below it", "该区域下还有下级区域"


class UnknownLevel(Invalid):
    slug, title, title_zh = "unknown-level", "No such level", "层级不存在"


class BadEffective(Invalid):
    slug, title, title_zh = "bad-effective", "Not a time to come", "生效时间无效"


class PlanNotFound(NotFound):
    slug, title, title_zh = "area-plan-not-found", "No such planned change of areas", "区域变更计划不存在"


class PlanSettled(Conflict):
    slug, title, title_zh = "area-plan-settled", "This change is no longer to come", "区域变更计划已执行或已撤销"


class Kind(StrEnum):
    """What may be wrong with areas. Its words in Chinese are `KIND_ZH`."""

    GAP = "gap"
    OVERLAP = "overlap"
    ORPHAN = "orphan"
    DUPLICATE_CODE = "duplicate_code"
    DUPLICATE_NAME = "duplicate_name"
    SELF_CROSSING = "self_crossing"
    LEVEL = "level"
    GEOMETRY = "geometry"
    PLACE = "place"
    DATUM = "datum"
    SUCCESSION = "succession"
    UNREADABLE = "unreadable"


KIND_ZH: Final[Mapping[Kind, str]] = {
    Kind.GAP: "空白",
    Kind.OVERLAP: "重叠",
    Kind.ORPHAN: "缺上级",
    Kind.DUPLICATE_CODE: "重码",
    Kind.DUPLICATE_NAME: "重名",
    Kind.SELF_CROSSING: "自相交",
    Kind.LEVEL: "层级不符",
    Kind.GEOMETRY: "图形错误",
    Kind.PLACE: "位置异常",
    Kind.DATUM: "坐标系混用",
    Kind.SUCCESSION: "沿革不符",
    Kind.UNREADABLE: "无法读取",
}


class GivenArea(NamedTuple):
    """An area as a file gives it; `geometry` is WKB, WGS 84; `where` names its line or feature for messages.

    `predecessors` are the paths of the areas it came from, where it is cut anew.
    """

    path: AreaPath
    name: str
    level: str
    geometry: bytes | None
    where: str
    predecessors: tuple[str, ...] = ()


class Area(NamedTuple):
    """An area as it is defined. `centre` is a point inside it; `fingerprint` tells whether a definition is the same.

    It is valid from `since` to `until`, and the latter is None as long as it stands.
    """

    path: AreaPath
    name: str
    level: str
    geometry: bytes | None
    centre: Place | None
    version: int
    fingerprint: bytes
    since: datetime | None = None
    until: datetime | None = None


class Finding(NamedTuple):
    """One thing that is wrong: where in the file, what, and what would be right.

    It comes with its size, its place (WGS 84) and what it looks like (WKB), where it has them. What is only noted
    refuses nothing.
    """

    where: str
    message: str
    kind: Kind = Kind.UNREADABLE
    size_m2: float | None = None
    at: Place | None = None
    shape: bytes | None = None
    noted: bool = False


class Standing(NamedTuple):
    """Of an area that is defined already, what the hierarchy is judged by."""

    name: str
    level: str


class Defined(NamedTuple):
    """The current definition of an area, as far as a change has to know it."""

    version: int
    name: str
    level: str
    fingerprint: bytes
    geometry: bytes | None


def structure(
    given: Sequence[GivenArea],
    standing: Mapping[str, Standing],
    levels: Sequence[str],
    retired: Collection[str] = (),
) -> list[Finding]:
    """What is wrong with the hierarchy as it would be: codes and names given twice, orphans, levels out of order.

    `standing` is what is defined already, by path, `retired` what of it the change ends; `levels` the pack's, from the
    top. An area's level must be one of them, and an area below another one must be of a lower level.
    """
    found: list[Finding] = []
    at: dict[str, GivenArea] = {}
    rank = {level: n for n, level in enumerate(levels)}
    for area in given:
        if area.path in at:
            message = f"{area.path} is defined twice; first at {at[area.path].where}"
            found.append(Finding(area.where, message, Kind.DUPLICATE_CODE))
            continue
        at[area.path] = area
        if area.level not in rank:
            message = f"{area.path}: level {area.level!r} is none of {', '.join(levels)}"
            found.append(Finding(area.where, message, Kind.LEVEL))
    gone = set(retired)
    after = {path: known for path, known in standing.items() if path not in gone}
    after.update((path, Standing(area.name, area.level)) for path, area in at.items())
    return [*found, *_family(at, after, gone, rank), *_doubles(at, after)]


def _family(
    at: Mapping[str, GivenArea], after: Mapping[str, Standing], gone: Collection[str], rank: Mapping[str, int]
) -> list[Finding]:
    """Orphans, and areas that do not fit the one above them; where the change touches neither, nothing is said."""
    found = []
    for path, area in after.items():
        parent = AreaPath(path).parent
        if not parent or (path not in at and parent not in at and parent not in gone):
            continue
        where = at[path].where if path in at else at[parent].where if parent in at else "/"
        above = after.get(parent)
        if above is None and parent in gone:
            found.append(Finding(where, f"{path} is an orphan: {parent} would be retired", Kind.ORPHAN))
        elif above is None:
            message = f"{path} is an orphan: {parent} is neither here nor defined before"
            found.append(Finding(where, message, Kind.ORPHAN))
        elif rank.get(above.level, -1) >= rank.get(area.level, len(rank)):
            found.append(Finding(where, f"{path} ({area.level}) lies below a {above.level}", Kind.LEVEL))
    return found


def _doubles(at: Mapping[str, GivenArea], after: Mapping[str, Standing]) -> list[Finding]:
    """Two areas of a level whose national codes are alike; and, only noted, two neighbours of one name."""
    codes: dict[tuple[str, str], list[str]] = defaultdict(list)
    names: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for path, area in after.items():
        codes[area.level, path.replace(".", "")].append(path)
        names[path.rpartition(".")[0], area.level, area.name].append(path)
    found = []
    for (_, code), paths in codes.items():
        if len(paths) > 1 and any(path in at for path in paths):
            message = f"{' and '.join(sorted(paths)[:4])} have one national code, {code}"
            found.append(Finding(_first(paths, at), message, Kind.DUPLICATE_CODE))
    for (parent, _, name), paths in names.items():
        if len(paths) > 1 and any(path in at for path in paths):
            inside = f"in {parent} " if parent else ""
            message = f"{len(paths)} areas {inside}are called {name!r}: {', '.join(sorted(paths)[:4])}"
            found.append(Finding(_first(paths, at), message, Kind.DUPLICATE_NAME, noted=True))
    return found


def _first(paths: Sequence[str], at: Mapping[str, GivenArea]) -> str:
    """Where the last of `paths` that was given stands: the one before it was there first."""
    return next(at[path].where for path in sorted(paths, reverse=True) if path in at)


def refuse(found: Sequence[Finding]) -> None:
    """Raise AreasRefused if anything was found that refuses, naming the first of it."""
    found = [finding for finding in found if not finding.noted]
    if not found:
        return
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    raise AreasRefused(
        "; ".join(finding.message for finding in found[:3]) + (f"; {len(found)} findings in all" if found[3:] else ""),
        errors=[FieldError(f.where, f.message) for f in found[:NAMED]],
        facts={"findings": len(found), "left_out": more} if more else {"findings": len(found)},
    )
