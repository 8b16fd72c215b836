"""Areas, page by page or one, with or without geometry."""

from typing import Any

import orjson
import shapely
from pydantic import BaseModel

from services.intake.domain.area import Area, AreaNotFound, UnknownLevel
from services.intake.store import areas as store
from shared.auth import Principal, authorize
from shared.contracts.base import Point
from shared.http import Listing, decode_cursor, encode_cursor
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError
from shared.packs import Pack
from shared.postgres import Pool


class AreaView(BaseModel):
    """An area 区域. `geometry` is GeoJSON, there when it was asked for and the area has one."""

    path: str
    name: str
    level: str
    centroid: Point | None
    parent: str | None
    geometry: dict[str, Any] | None = None


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
        found = await store.page(connection, after=after, parent=above, level=level, limit=limit + 1, geometry=geometry)
    following = encode_cursor(found[limit - 1].path) if len(found) > limit else None
    return Listing(items=[_view(area) for area in found[:limit]], next=following)


async def area(pool: Pool, who: Principal, path: str, *, geometry: bool) -> AreaView:
    """Raises AreaNotFound."""
    authorize(who, "areas:read")
    async with pool.acquire() as connection:
        found = await store.find(connection, AreaPath.parse(path, pointer="path"), geometry=geometry)
    if found is None:
        raise AreaNotFound(f"there is no area {path}")
    return _view(found)


def _view(area: Area) -> AreaView:
    drawn = None if area.geometry is None else orjson.loads(shapely.to_geojson(shapely.from_wkb(area.geometry)))
    return AreaView(
        path=area.path,
        name=area.name,
        level=area.level,
        centroid=None if area.centre is None else Point(lon=area.centre.lon, lat=area.centre.lat),
        parent=area.path.parent or None,
        geometry=drawn,
    )
