"""Components: one, lists, the nearest, and what was reported of one."""

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from services.intake.domain.cells import Box, box_around, metres_per_degree, runs
from services.intake.domain.component import Component, ComponentNotFound, Kept, State
from services.intake.domain.component_code import STANDARDS
from services.intake.domain.report import RECEIVED
from services.intake.store import components as store
from services.intake.store.components import Near, Wanted
from shared.auth import Principal, authorize
from shared.contracts.base import Point
from shared.http import BadCursor, Listing, decode_cursor, encode_cursor
from shared.kernel.area import AreaPath
from shared.kernel.place import Place
from shared.postgres import Pool

ACTION = "components:read"
# A suggestion looks as far as this first, then farther, until it has enough. Of all kinds there are some seven in 50 m
# of a dense district, of a common one as many in 200 m.
_RINGS_M = (50.0, 200.0, 500.0)
_RINGS_OF_KIND_M = (200.0, 500.0)


class ComponentView(BaseModel):
    """A component 部件. `owner` 权属单位, `maintainer` 养护单位 and `authority` 主管部门 are a unit's code, or its
    name where it has none. `version` counts its changes; `since` is when the last was recorded.
    """

    code: str
    standard: str
    kind: str
    name: str
    state: State
    area: str
    location: Point
    authority: str | None
    authority_name: str | None
    owner: str | None
    owner_name: str | None
    maintainer: str | None
    maintainer_name: str | None
    surveyed_on: date | None
    changed_on: date | None
    data_source: str | None
    note: str | None
    former_code: str | None
    successor: str | None
    attributes: dict[str, Any]
    version: int
    since: datetime


class NearComponent(ComponentView):
    distance_m: float


class ComponentReport(BaseModel):
    """A report 上报 on a component; `case_id` and `status` are those of the case it became."""

    id: UUID
    category: str
    received_at: datetime
    case_id: UUID | None
    status: str = Field(description="the case's; `received` until it has one")


class Asked(NamedTuple):
    """What a list is to hold: of which area, kind, owner, states; with or without an owner; within which box."""

    area: AreaPath
    kind: str | None = None
    owner: str | None = None
    states: list[State] | None = None
    owned: bool | None = None
    box: Box | None = None


async def component(pool: Pool, who: Principal, code: int) -> Kept:
    """By the code it has. Raises ComponentNotFound, also for one outside the caller's area or categories."""
    authorize(who, ACTION)
    return await seen(pool, who, code)


async def seen(pool: Pool, who: Principal, code: int) -> Kept:
    """The same for whoever may read something else of it."""
    found = await store.find(pool, code)
    if found is not None and who.area.covers(found.component.area):
        kinds = _kinds(who, None)
        if kinds is None or found.component.kind in kinds:
            return found
    raise ComponentNotFound(f"there is no component {code} for this caller")


async def components(
    pool: Pool, who: Principal, asked: Asked, *, cursor: str | None, limit: int
) -> Listing[ComponentView]:
    """A page. Its order is the way the list goes: through a box or a kind by place, through an owner's by code, else by
    grid. Raises OutsideScope for an area that is not the caller's, BadCursor.
    """
    authorize(who, ACTION)
    area = narrowed(who, asked.area)
    states = None if asked.states is None else [state.value for state in asked.states]
    wanted = Wanted(area, _kinds(who, asked.kind), asked.owner, states, asked.owned)
    way = _way(asked)
    found: list[Kept]
    if way == "area":
        path, code = _after(cursor, way, "", 0)
        found = await store.by_area(pool, wanted, (str(path), code), limit + 1)
        keys: list[tuple[str | int, int]] = [(kept.component.area, kept.component.code) for kept in found]
    elif way == "owner":
        _, code = _after(cursor, way, "", 0)
        found = await store.by_owner(pool, wanted, code, limit + 1)
        keys = [("", kept.component.code) for kept in found]
    else:
        cell, code = _after(cursor, way, -1, 0)
        after = (int(cell), code)
        if asked.box is not None:
            found = await store.in_box(pool, wanted, runs(asked.box), asked.box, after, limit + 1)
        else:
            found = await store.by_kind(pool, wanted, asked.kind or "", after, limit + 1)
        keys = [(kept.component.cell, kept.component.code) for kept in found]
    more = encode_cursor(way, *keys[limit - 1]) if len(found) > limit else None
    return Listing(items=[view(kept) for kept in found[:limit]], next=more)


def _way(asked: Asked) -> str:
    """Which index the list goes along: a street's or a community's benches are few enough to be picked out of it."""
    if asked.box is not None:
        return "box"
    if asked.owner is not None:
        return "owner"
    return "kind" if asked.kind is not None and asked.area.level < 3 else "area"


def _after(cursor: str | None, way: str, first: str | int, code: int) -> tuple[str | int, int]:
    if cursor is None:
        return first, code
    given, key, last = decode_cursor(cursor, 3)
    if given != way or type(key) is not type(first) or not isinstance(last, int):
        raise BadCursor("this cursor is of another list: ask for the same, page by page")
    if any(isinstance(part, int) and not -1 <= part < 2**63 for part in (key, last)):
        raise BadCursor("give the 'next' of the page before, unchanged, or leave it out")
    return key, last


async def nearest(
    pool: Pool, who: Principal, place: Place, kind: str | None, *, within_m: float, limit: int
) -> list[NearComponent]:
    """Components that stand within `within_m` of `place`, of `kind` or of any, the nearest first."""
    authorize(who, ACTION)
    kinds = _kinds(who, kind)
    per_degree = metres_per_degree(place.lat)
    found: list[tuple[Kept, float]] = []
    rings = _RINGS_M if kind is None else _RINGS_OF_KIND_M
    for metres in (*(ring for ring in rings if ring < within_m), within_m):
        box = box_around(place.lon, place.lat, metres)
        near = Near(place.lon, place.lat, metres, per_degree, runs(box))
        found = await store.nearest(pool, near, who.area, kinds, limit)
        if len(found) == limit:
            break
    return [NearComponent(**view(kept).model_dump(), distance_m=round(metres, 1)) for kept, metres in found]


async def reports(pool: Pool, who: Principal, code: int, *, cursor: str | None, limit: int) -> Listing[ComponentReport]:
    """The reports that named it, the latest first, and their cases. Raises ComponentNotFound, BadCursor."""
    authorize(who, "reports:read")
    await seen(pool, who, code)
    try:
        below = None if cursor is None else UUID(str(decode_cursor(cursor, 1)[0]))
    except ValueError:
        raise BadCursor("give the 'next' of the page before, unchanged, or leave it out") from None
    categories = None if who.categories is None else sorted(who.categories)
    found = await store.reports(pool, code, below, who.area, categories, limit + 1)
    items = [
        ComponentReport(
            id=one.id,
            category=one.category,
            received_at=one.received_at,
            case_id=one.case_id,
            status=one.status or RECEIVED,
        )
        for one in found[:limit]
    ]
    return Listing(items=items, next=encode_cursor(str(items[-1].id)) if len(found) > limit else None)


def narrowed(who: Principal, area: AreaPath) -> str:
    """The area that is read: the caller's own where none is asked for. Raises OutsideScope."""
    if not area:
        return str(who.area)
    authorize(who, ACTION, area)
    return str(area)


def _kinds(who: Principal, kind: str | None) -> list[str] | None:
    """The kinds to look for; a key that is limited to categories sees components of those alone."""
    if kind is None:
        return None if who.categories is None else sorted(who.categories)
    return [kind] if who.categories is None or kind in who.categories else []


def view(kept: Kept) -> ComponentView:
    return ComponentView(**_shown(kept.component), version=kept.version, since=kept.since)


def _shown(c: Component) -> dict[str, Any]:
    told = c._asdict()
    lon, lat = told.pop("lon"), told.pop("lat")
    return told | {
        "code": str(c.code),
        "standard": STANDARDS[len(str(c.code))],
        "state": State(c.state),
        "location": Point(lon=lon, lat=lat),
        "former_code": None if c.former_code is None else str(c.former_code),
        "successor": None if c.successor is None else str(c.successor),
        "attributes": dict(c.attributes or {}),
    }
