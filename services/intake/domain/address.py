"""An address 地址 in words, as far as it names one area of the city by the name that this has."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Invalid

POINTER: Final = "/location/address"
# A refusal names this many of the areas that may be meant.
NAMED: Final = 20
# 翠微路社区居委会 is the committee of 翠微路社区: whoever writes the address names the place.
_OFFICES: Final = ("居民委员会", "村民委员会", "居委会", "村委会", "办事处")


class UnknownAddress(Invalid):
    slug, title, title_zh = "unknown-address", "The address names no area of this city", "地址无法对应到区域"


class AmbiguousAddress(Invalid):
    """`candidates` are areas that may be meant, the first twenty of them: {path, name}."""

    slug, title, title_zh = "ambiguous-address", "The address may mean several areas", "地址对应多个区域"


class NamedArea(NamedTuple):
    """An area above the grids, by its name."""

    path: AreaPath
    name: str


def area_named(address: str, areas: Sequence[NamedArea], depth: int) -> NamedArea:
    """The area just above the grids, `depth` segments deep, that `address` names.

    An area is named where its whole name stands in the address; a name that is part of a longer one that stands there
    too is not (万寿路 in 万寿路街道). Of areas with the same name, that of whose upper areas more are named counts.
    Raises UnknownAddress, AmbiguousAddress with the candidates.
    """
    said = address.casefold()
    found = [(area, word) for area in areas if (word := _word(area.name)) and word in said]
    words = {word for _, word in found}
    longer = {word for word in words if any(word != other and word in other for other in words)}
    named = [area for area, word in found if word not in longer]
    if not named:
        raise UnknownAddress(
            f"{address[:80]!r} names no area of this city; name its street and community 街道、社区 as "
            "GET /intake/v1/areas does, or send lon and lat, or a grid",
            errors=[FieldError(POINTER, "names no area of this city")],
        )
    lowest = [area for area in named if not any(area.path != o.path and area.path.covers(o.path) for o in named)]
    above = {area.path: sum(o.path.covers(area.path) for o in named) for area in lowest}
    most = max(above.values())
    best = [area for area in lowest if above[area.path] == most]
    if len(best) > 1:
        raise _ambiguous(f"{address[:80]!r} may mean {len(best)} areas", best)
    (area,) = best
    if area.path.level < depth:
        inside = [o for o in areas if o.path.parent == area.path]
        raise _ambiguous(f"{address[:80]!r} names {area.name} and no area within it", inside)
    return area


def _word(name: str) -> str:
    for office in _OFFICES:
        name = name.removesuffix(office)
    return name.casefold()


def _ambiguous(said: str, areas: Sequence[NamedArea]) -> AmbiguousAddress:
    shown = areas[:NAMED]
    names = ", ".join(f"{area.name} ({area.path})" for area in shown[:3])
    more = f" and {len(areas) - 3} more" if len(areas) > 3 else ""
    return AmbiguousAddress(
        f"{said}: {names}{more}. Name one of the candidates, or send lon and lat, or a grid",
        errors=[FieldError(POINTER, "name one of the candidates")],
        facts={"candidates": [{"path": str(area.path), "name": area.name} for area in shown]},
    )
