"""Score cards: of an area and those directly in it, of handling units, of posts and the people in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from services.evaluation.domain.indicators import RATES, RATES_OF_A_POST, complete, rates
from services.evaluation.domain.period import Cohort, Period
from services.evaluation.domain.posts import POSTS
from services.evaluation.store import areas
from services.evaluation.store import scorecards as store
from services.evaluation.store.scorecards import Sums
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, NotFound
from shared.packs import Pack
from shared.postgres import ACQUIRE_SECONDS, Connection, Pool

ObjectKind = Literal["region", "unit", "post"]


class UnknownArea(NotFound):
    slug, title, title_zh = "area-not-found", "No such area", "区域不存在"


class UnknownUnit(NotFound):
    slug, title, title_zh = "unit-not-found", "No such handling unit", "没有该处置单位"


class ScoreCard(BaseModel):
    """What was done about the cases of one period. A rate is in per cent; null where there was nothing to do."""

    object: ObjectKind
    key: str = Field(description="area path, unit code, post, or post/person")
    name: str
    period: str
    as_of: datetime = Field(description="the instant that open cases were compared with")
    cohort: Cohort = Field(description="whose period it is: that of filing 立案 or of the report 上报")
    area: str
    counters: dict[str, int] = Field(description="GET /v1/indicators explains each")
    rates: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What cards are wanted."""

    object: ObjectKind
    cohort: Cohort
    period: Period
    area: AreaPath
    as_of: datetime
    unit: str | None = None
    post: str | None = None
    children: bool = True


async def scorecards(pool: Pool, pack: Pack, asked: Asked) -> list[ScoreCard]:
    """The asked object's own card first, the others in the order of their keys. Raises UnknownArea, UnknownUnit."""
    async with (
        pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await store.plan_each_time(connection)
        return await _scorecards(connection, pack, asked)


async def _scorecards(tx: Connection, pack: Pack, asked: Asked) -> list[ScoreCard]:
    found = await store.sums(
        tx,
        asked.object,
        asked.cohort,
        period=asked.period,
        area=asked.area,
        as_of=asked.as_of,
        unit=asked.unit,
        post=asked.post,
    )
    if asked.object == "region":
        return await _regions(tx, pack, asked, found)
    if asked.object == "unit":
        return _units(pack, asked, found)
    return _posts(asked, found)


async def _regions(tx: Connection, pack: Pack, asked: Asked, found: Sequence[Sums]) -> list[ScoreCard]:
    below = {str(asked.area.child(s.key)): s.counters for s in found if s.key is not None}
    known = await areas.near(tx, asked.area, list(below))
    if asked.area and asked.area not in known and not await areas.exists(tx, asked.area):
        raise UnknownArea(
            f"no area {asked.area} is known and no case lies in it; GET /intake/v1/areas lists them",
            errors=[FieldError("?area", "no such area")],
        )
    own = known.get(asked.area)
    own_name = own.name if own else pack.title.zh if asked.area == pack.area or not asked.area else asked.area
    cards = [_card(asked, asked.area, own_name, _total(store.COUNTED, found))]
    if asked.children:
        none = dict.fromkeys(store.COUNTED, 0)
        listed = {a.path for a in known.values() if a.path != asked.area and not a.retired} | below.keys()
        for path in sorted(listed):
            name = known[path].name if path in known else path
            cards.append(_card(asked, path, name, below.get(path, none)))
    return cards


def _units(pack: Pack, asked: Asked, found: Sequence[Sums]) -> list[ScoreCard]:
    """Every unit that had a case in the area, and those of the pack that work there and had none."""
    by_code = {s.key: s.counters for s in found if s.key is not None}
    here = [u.code for u in pack.units.values() if asked.area.covers(u.area) or AreaPath(u.area).covers(asked.area)]
    if asked.unit is not None and asked.unit not in pack.units and asked.unit not in by_code:
        raise UnknownUnit(
            f"no unit {asked.unit!r} is known and no case was dispatched to it; GET /dispatch/v1/units lists them",
            errors=[FieldError("?unit", "no such unit")],
        )
    codes = [asked.unit] if asked.unit is not None else sorted({*by_code, *here})
    none = dict.fromkeys(store.COUNTED, 0)
    return [_card(asked, code, _unit_name(pack, code), by_code.get(code, none)) for code in codes]


def _unit_name(pack: Pack, code: str) -> str:
    unit = pack.units.get(code)
    return unit.name.zh if unit else code


def _posts(asked: Asked, found: Sequence[Sums]) -> list[ScoreCard]:
    """A card a post; of an asked post, its own card and then one for each person that acted in it."""
    posts = [asked.post] if asked.post is not None else sorted({*POSTS, *(s.key for s in found if s.key is not None)})
    cards = []
    for post in posts:
        whole = _total(store.COUNTED_OF_A_POST, [s for s in found if s.key == post])
        cards.append(_card(asked, post, POSTS.get(post, post), whole))
    if asked.post is not None and asked.children:
        people = sorted((s.person, s.counters) for s in found if s.person is not None)
        cards += [_card(asked, f"{asked.post}/{person}", person, counters) for person, counters in people]
    return cards


def _total(names: Sequence[str], found: Sequence[Sums]) -> dict[str, int]:
    return {name: sum(s.counters[name] for s in found) for name in names}


def _card(asked: Asked, key: str, name: str, sums: Mapping[str, int]) -> ScoreCard:
    counters = complete(sums)
    return ScoreCard(
        object=asked.object,
        key=key,
        name=name,
        period=asked.period.name,
        as_of=asked.as_of,
        cohort=asked.cohort,
        area=asked.area,
        counters=counters,
        rates=rates(counters, RATES_OF_A_POST if asked.object == "post" else RATES),
    )
