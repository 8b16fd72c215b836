"""Who asks, in which area, with which headers: what the routes of this service have in common."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from fastapi.responses import Response

from services.dispatch.commands.act_on_case import Asked, act_on_case
from services.dispatch.domain.case import Act, Actor
from services.dispatch.domain.lifecycle import authorised
from services.dispatch.domain.order import Order
from services.dispatch.queries.cases import Sight
from services.dispatch.wiring import Wired
from shared.auth import Caller, Principal, authorize
from shared.http import if_match, wired_of
from shared.idempotency import IdempotencyKey, request_hash
from shared.kernel.area import AreaPath

JSON = "application/json"


def wired(request: Request) -> Wired:
    """This service's parts."""
    return cast(Wired, wired_of(request))


Parts = Annotated[Wired, Depends(wired)]


def actor_of(who: Principal) -> Actor:
    return Actor(who.subject, who.centre, who.post, who.unit)


def sight_of(who: Principal) -> Sight:
    """What this caller may see: a unit's clerk only that unit's cases."""
    unit = who.unit if who.post == "unit_clerk" else None
    return Sight(who.area, unit, sorted(who.categories) if who.categories is not None else None)


def area_asked(area: Annotated[str | None, Query(description="a part of the city: 110108.012")] = None) -> AreaPath:
    """The area of a list; the whole city without one. What the caller may not see is left out in any case."""
    return AreaPath.parse(area, "?area") if area else AreaPath.root()


Area = Annotated[AreaPath, Depends(area_asked)]


class Asking:
    """A caller who may do this act on some case: the route adds what the act carries."""

    def __init__(self, request: Request, case_id: UUID, act: Act, who: Principal, key: str | None) -> None:
        self._request = request
        self._case_id = case_id
        self._who = who
        self._key = key
        self.act = act

    async def carry_out(self, order: Order) -> Response:
        """The answer: the case and its new ETag."""
        body = await self._request.body()
        asked = Asked(
            case_id=self._case_id,
            order=order,
            actor=actor_of(self._who),
            area=self._who.area,
            expected=partial(if_match, self._request),
            key=self._key,
            request_hash=request_hash("POST", self._request.url.path, body),
        )
        answer = await act_on_case(wired(self._request), asked)
        return Response(answer.body, answer.status, {"ETag": answer.etag or ""}, media_type=JSON)


def asking(act: Act) -> Callable[..., Awaitable[Asking]]:
    """A dependency that refuses those who never do this act before their body is looked at."""

    async def ask(
        request: Request,
        case_id: UUID,
        who: Caller,
        key: IdempotencyKey = None,
        revision: Annotated[
            str | None, Header(alias="If-Match", description='the ETag of the state decided on: "7"')
        ] = None,
    ) -> Asking:
        authorize(who, "cases:act")
        authorised(act, actor_of(who))
        return Asking(request, case_id, act, who, key)

    return ask
