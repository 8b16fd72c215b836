"""权属清晰率: the share of components with a known owner, by area or by kind."""

from typing import Literal

from pydantic import BaseModel, Field

from services.intake.domain.component import Rate, rolled_up
from services.intake.queries.components import ACTION, narrowed
from services.intake.store import components as store
from shared.auth import Principal, authorize
from shared.kernel.area import AreaPath
from shared.postgres import Pool


class RateView(BaseModel):
    """`rate` is in percent, of the components that stand; null where there are none. `key`: an area path, or a kind."""

    key: str
    components: int
    owned: int
    rate: float | None


class Ownership(BaseModel):
    """`whole` is the area asked for; `items` its parts of the next level, or its kinds."""

    area: str
    by: Literal["area", "kind"]
    whole: RateView
    items: list[RateView] = Field(description="in the order of their keys")


async def ownership(
    pool: Pool, who: Principal, area: AreaPath, *, by: Literal["area", "kind"], kind: str | None
) -> Ownership:
    """Raises OutsideScope."""
    authorize(who, ACTION)
    within = narrowed(who, area)
    kinds = [kind] if kind is not None else None
    if who.categories is not None:
        kinds = sorted(who.categories if kinds is None else who.categories & set(kinds))
    found = await store.owned(pool, within, kinds, by_kind=by == "kind")
    rates = found if by == "kind" else rolled_up(found, AreaPath(within).level + 1)
    whole = Rate(within, sum(rate.components for rate in rates), sum(rate.owned for rate in rates))
    return Ownership(area=within, by=by, whole=_view(whole), items=[_view(rate) for rate in rates])


def _view(rate: Rate) -> RateView:
    return RateView(key=rate.key, components=rate.components, owned=rate.owned, rate=rate.percent)
