"""Where a report that names a component lies: where the registry says that the component stands."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.intake.domain.component import ComponentRemoved, Kept
from services.intake.domain.report import Asked, AtComponent, OutsideEveryGrid, UnknownComponent
from services.intake.grids.index import GridIndex
from services.intake.store import components as store
from shared.kernel.errors import FieldError
from shared.kernel.place import Place
from shared.postgres import Pool

_POINTER = "/location/component"
_LENGTHS = (16, 17)


class Found(NamedTuple):
    """A report with the code that its component has now, its place, and the path of its grid."""

    asked: Asked
    place: Place
    grid: str


async def named_components(pool: Pool, reports: Iterable[Asked]) -> dict[int, Kept]:
    """The components that `reports` name, by the code each was named by. One query; none if no report names any."""
    codes = {int(text) for asked in reports if (text := _code(asked)) is not None}
    return await store.named(pool, sorted(codes)) if codes else {}


def at_component(grids: GridIndex, asked: Asked, named: Mapping[int, Kept]) -> Found:
    """Raises UnknownComponent, ComponentRemoved, OutsideEveryGrid for one whose place no grid holds any more."""
    text = _code(asked)
    kept = None if text is None else named.get(int(text))
    if kept is None:
        raise UnknownComponent(
            "no component with this code is registered; GET /intake/v1/components/nearest finds it by its place, or "
            "send the place as lon and lat, or as a grid",
            errors=[FieldError(_POINTER, "no such component")],
        )
    component = kept.component
    if component.removed:
        raise _removed(kept)
    place = Place(component.lon, component.lat)
    # After the city was cut anew its old grid may be gone: then the point decides.
    grid = component.area if grids.path_of(component.area) else grids.locate(place)
    if grid is None:
        raise OutsideEveryGrid(
            f"component {component.code} stands in no grid of this city any more; its place must be put right first",
            errors=[FieldError(_POINTER, "in no grid of this city")],
        )
    return Found(asked._replace(location=AtComponent(str(component.code))), place, grid)


def _code(asked: Asked) -> str | None:
    """The code that a report names, if it has the form of one."""
    if not isinstance(asked.location, AtComponent):
        return None
    text = asked.location.component
    return text if len(text) in _LENGTHS and text.isascii() and text.isdecimal() else None


def _removed(kept: Kept) -> ComponentRemoved:
    code, successor = kept.component.code, kept.component.successor
    at = kept.component.changed_on or kept.since.date()
    instead = (
        f"component {successor} took its place: report on that one"
        if successor is not None
        else "send the place as lon and lat, or as a grid"
    )
    return ComponentRemoved(
        f"component {code} was removed on {at}; {instead}",
        errors=[FieldError(_POINTER, "removed" if successor is None else f"removed; now {successor}")],
        facts={"component": str(code), "removed_on": at, "successor": None if successor is None else str(successor)},
    )
