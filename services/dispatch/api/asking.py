"""Who asks, and in which area: what the routes of this service have in common."""

from typing import Annotated, cast

from fastapi import Depends, Query, Request

from services.dispatch.domain.case import Actor
from services.dispatch.queries.cases import Sight
from services.dispatch.wiring import Wired
from shared.auth import Principal
from shared.http import AREA, Instant, wired_of
from shared.kernel.area import AreaPath

JSON = "application/json"


def wired(request: Request) -> Wired:
    """This service's parts."""
    return cast(Wired, wired_of(request))


Parts = Annotated[Wired, Depends(wired)]


def actor_of(who: Principal) -> Actor:
    return Actor(who.subject, who.centre, who.post, who.unit, who.area)


def sight_of(who: Principal) -> Sight:
    """What this caller may see: a unit's clerk only that unit's cases."""
    unit = who.unit if who.post == "unit_clerk" else None
    return Sight(who.area, unit, sorted(who.categories) if who.categories is not None else None)


def area_asked(
    area: Annotated[str | None, Query(description="a part of the city: 110108.012", json_schema_extra=AREA)] = None,
) -> AreaPath:
    """The area of a list; the whole city without one. What the caller may not see is left out in any case."""
    return AreaPath.parse(area, "?area") if area else AreaPath.root()


Area = Annotated[AreaPath, Depends(area_asked)]
At = Annotated[Instant | None, Query(description="as it was then; without it, now")]
