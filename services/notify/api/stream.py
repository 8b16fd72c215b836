"""`GET /v1/stream`: server-sent events of one part of the city, live and resumable."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response
from fastapi.security import APIKeyQuery

from services.notify.api.event_stream import EventStream
from services.notify.domain.interest import Interest, wanted_area
from services.notify.domain.live import Start, read_token, start_of
from services.notify.queries.catch_up import log_ends
from services.notify.queries.open_streams import OpenStream
from services.notify.queries.ticket_holder import ticket_holder
from services.notify.wiring import Wired
from shared.auth import Principal, authorize
from shared.http import AREA, refusals, wired_of

router = APIRouter(tags=["stream 推送"])

TICKET = APIKeyQuery(
    name="ticket",
    scheme_name="ticket",
    description="of POST /v1/stream-tickets, in place of a header",
    auto_error=False,
)
EXAMPLE = """: stream from 41
retry: 2000
id: 42
event: case.filed.v1
data: {"specversion":"1.0","type":"case.filed.v1","subject":"…","routingkey":"110108.011.003.009","data":{…}}

"""


@router.get(
    "/v1/stream",
    summary="Events of an area as they happen 实时事件流",
    response_class=Response,
    responses={
        200: {"description": "server-sent events", "content": {"text/event-stream": {"example": EXAMPLE}}},
        **refusals(401, 403, 429),
    },
    openapi_extra={"security": [{"bearer": []}]},
)
async def stream(
    request: Request,
    area: Annotated[
        str | None,
        Query(description="this area and all below it; without it, all of the caller's", json_schema_extra=AREA),
    ] = None,
    types: Annotated[
        str | None, Query(description="event types, separated by commas: case.filed.v1, or a family: case.*")
    ] = None,
    last_event_id: Annotated[
        str | None, Query(description="where to resume, for clients that cannot send a header; the header comes first")
    ] = None,
    last_event_id_header: Annotated[
        str | None, Header(alias="Last-Event-ID", description="the last `id:` seen; 0: from the oldest event kept")
    ] = None,
    ticket: Annotated[str | None, Depends(TICKET)] = None,
) -> Response:
    """`id:` is the token for `Last-Event-ID`, `event:` the type, `data:` the CloudEvent as JSON.

    Without a token the stream starts now; `0` starts it at the oldest event kept (seven days by default). An event of a
    case that moves is heard where it was and where it goes. A comment line comes at least every 15 s.

    Three events are ours: `reset` says that events between the token and here are gone (reason `older_than_the_log`: it
    goes on from the oldest kept) or that the token is of another log (`ahead_of_the_log`: it goes on from now): load
    afresh what you show. `cut_off` is the last event of a stream that we end, with `reason` (`too_slow`,
    `shutting_down`, `credentials_ended`) and `resume_from`, the token to come back with.
    """
    wired: Wired = wired_of(request)
    authorization = request.headers.get("authorization")
    who = await _listener(wired, ticket, authorization)
    wanted = wanted_area(area, who.area, "?area")
    authorize(who, "stream:read", wanted)
    interest = Interest(
        area=str(wanted), categories=who.categories, unit=who.unit if who.post == "unit_clerk" else None
    ).narrowed_to((types or "").split(","), "?types")
    token = read_token(last_event_id_header, "header Last-Event-ID")
    if token is None:
        token = read_token(last_event_id, "?last_event_id")
    wired.streams.admit()
    start = await _start(wired, token)
    opened = OpenStream(interest, wired.streams.limits.queue, who, None if ticket else authorization)
    return EventStream(wired.pool, wired.streams, opened, start)


async def _listener(wired: Wired, ticket: str | None, authorization: str | None) -> Principal:
    if ticket:
        return await ticket_holder(wired.pool, wired.clock, ticket)
    return await wired.auth.principal(authorization)


async def _start(wired: Wired, token: int | None) -> Start:
    """Without a token, or with one that memory reaches back to, the database is not asked."""
    live = wired.live
    if token is None or (token > 0 and live.floor <= token <= live.position):
        return Start(live.position if token is None else token)
    ends = await log_ends(wired.pool)
    return start_of(token, oldest=ends.oldest, newest=max(ends.newest, live.position))
