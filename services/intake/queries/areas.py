"""Areas, page by page or one, as they stand or stood at a time, with or without geometry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import shapely
from pydantic import BaseModel

from services.intake.domain.area import Area, AreaNotFound, UnknownLevel
from services.intake.store import area_history
from services.intake.store import areas as store
from services.intake.store.area_history import Succession
from shared.auth import Principal, authorize
from shared.contracts.base import Point
from shared.http import Listing, decode_cursor, encode_cursor
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError
from shared.packs import Pack
from shared.postgres import Pool


class AreaView(BaseModel):
    """An area 区域. `geometry` is GeoJSON, there when it was asked for and the area has one.

    It stands from `valid_from` to `valid_until` (null: until now). `predecessors` are the areas that this one was cut
    from, `successors` those that were cut from it.
    """

    path: str
    name: str
    level: str
    centroid: Point | None
    parent: str | None
    geometry: dict[str, Any] | None = None
    version: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    predecessors: list[str] = []
    successors: list[str] = []


async def areas(
    pool: Pool,
    pack: Pack,
    who: Principal,
    *,
    level: str | None,
    parent: str | None,
    geometry: bool,
    cursor: str | None,
    limit: int,
    at: datetime | None = None,
) -> Listing[AreaView]:
    """Areas in the order of their paths. Where the city is cut is no secret: the list is the same for every reader.

    `parent` keeps those directly below it, and with `level` those of that level anywhere below it.
    """
    authorize(who, "areas:read")
    names = [each.key for each in pack.levels]
    if level is not None and level not in names:
        raise UnknownLevel(
            f"{level[:40]!r} is no level of this city; it has {', '.join(names)}",
            errors=[FieldError("?level", f"one of {', '.join(names)}")],
        )
    above = None if parent is None else AreaPath.parse(parent, pointer="?parent")
    after = "" if cursor is None else str(decode_cursor(cursor, 1)[0])
    async with pool.acquire() as connection:
        found = await store.page(
            connection, after=after, parent=above, level=level, limit=limit + 1, geometry=geometry, at=at
        )
        paths = [str(area.path) for area in found[:limit]]
        related = await area_history.successions(connection, paths)
    following = encode_cursor(found[limit - 1].path) if len(found) > limit else None
    return Listing(items=[_view(area, related) for area in found[:limit]], next=following)


async def area(pool: Pool, who: Principal, path: str, *, geometry: bool, at: datetime | None = None) -> AreaView:
    """Raises AreaNotFound, which tells of an area that is no more until when it was, and what it became."""
    authorize(who, "areas:read")
    asked = AreaPath.parse(path, pointer="path")
    async with pool.acquire() as connection:
        found = await store.find(connection, asked, geometry=geometry, at=at)
        related = await area_history.successions(connection, [asked])
        if found is None:
            raise _not_found(asked, await store.history(connection, asked, 1), related, at)
    return _view(found, related)


def _not_found(path: str, history: Sequence[Area], related: Sequence[Succession], at: datetime | None) -> AreaNotFound:
    if not history:
        return AreaNotFound(f"there is no area {path}")
    until = history[0].until
    heirs = sorted({each.successor for each in related if each.predecessor == path})
    became = f"; it became {', '.join(heirs)}" if heirs else ""
    facts = {"valid_from": history[0].since, "valid_until": until, "successors": heirs}
    if at is not None:
        return AreaNotFound(f"there was no area {path} at {at.isoformat()}{became}", facts=facts)
    ended = "" if until is None else f" since {until.isoformat(timespec='seconds')}"
    return AreaNotFound(f"{path} is no more{ended}{became}; ?at= shows it as it was", facts=facts)


def _view(area: Area, related: Sequence[Succession]) -> AreaView:
    drawn = None if area.geometry is None else orjson.loads(shapely.to_geojson(shapely.from_wkb(area.geometry)))
    return AreaView(
        path=area.path,
        name=area.name,
        level=area.level,
        centroid=None if area.centre is None else Point(lon=area.centre.lon, lat=area.centre.lat),
        parent=area.path.parent or None,
        geometry=drawn,
        version=area.version,
        valid_from=area.since,
        valid_until=area.until,
        predecessors=[s.predecessor for s in related if s.successor == area.path and s.version == area.version],
        successors=sorted({s.successor for s in related if s.predecessor == area.path and s.version > area.version}),
    )
