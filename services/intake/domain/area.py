"""Areas 区域 as they are defined, and what a definition may not contain."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Invalid, NotFound
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


class UnknownLevel(Invalid):
    slug, title, title_zh = "unknown-level", "No such level", "层级不存在"


class GivenArea(NamedTuple):
    """An area as a file gives it; `geometry` is WKB, WGS 84; `where` names its line or feature for messages."""

    path: AreaPath
    name: str
    level: str
    geometry: bytes | None
    where: str


class Area(NamedTuple):
    """An area as it is defined. `centre` is a point inside it; `fingerprint` tells whether a definition is the same."""

    path: AreaPath
    name: str
    level: str
    geometry: bytes | None
    centre: Place | None
    version: int
    fingerprint: bytes


class Finding(NamedTuple):
    """One thing that is wrong: the rule it breaks, where, and what would be right."""

    where: str
    message: str


def structure(given: Sequence[GivenArea], known: Collection[str], levels: Sequence[str]) -> list[Finding]:
    """What is wrong with the hierarchy: paths given twice, orphans, levels that do not fit their depth.

    `known` are the paths already defined; `levels` the pack's, from the top. An area's level must be one of them, and
    an area below another one must be of a lower level.
    """
    found: list[Finding] = []
    at: dict[str, GivenArea] = {}
    rank = {level: n for n, level in enumerate(levels)}
    for area in given:
        if area.path in at:
            found.append(Finding(area.where, f"{area.path} is defined twice; first at {at[area.path].where}"))
            continue
        at[area.path] = area
        if area.level not in rank:
            found.append(Finding(area.where, f"{area.path}: level {area.level!r} is none of {', '.join(levels)}"))
    for area in at.values():
        parent = area.path.parent
        if not parent:
            continue
        if parent not in at and parent not in known:
            found.append(Finding(area.where, f"{area.path} is an orphan: {parent} is neither here nor defined before"))
        elif parent in at and rank.get(at[parent].level, -1) >= rank.get(area.level, len(levels)):
            found.append(Finding(area.where, f"{area.path} ({area.level}) lies below a {at[parent].level}"))
    return found


def refuse(found: Sequence[Finding]) -> None:
    """Raise AreasRefused if anything was found, naming the first of it."""
    if not found:
        return
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    raise AreasRefused(
        "; ".join(finding.message for finding in found[:3]) + (f"; {len(found)} findings in all" if found[3:] else ""),
        errors=[FieldError(f.where, f.message) for f in found[:NAMED]],
        facts={"findings": len(found), "left_out": more} if more else {"findings": len(found)},
    )
