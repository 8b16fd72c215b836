"""A change of the areas as a request asks for it: now, on a day to come, or only looked at."""

from typing import Annotated, Final, NamedTuple

from fastapi import Query, Request
from fastapi.responses import Response

from services.intake.api.area_work import Ask, House, Sent, What, carry_out
from services.intake.commands.plan_areas import FEW_AREAS
from services.intake.wiring import Wired
from shared.auth import Principal
from shared.idempotency import request_hash

# A day, or a time; `domain.effective` reads it.
DAY: Final = {"pattern": r"^(\d{4}-\d\d-\d\d([Tt]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d))?)?$"}
DRY_RUN = Annotated[bool, Query(description="change nothing: list what is wrong")]
EFFECTIVE = Annotated[
    str | None,
    Query(
        description="not now: a day (2027-01-01, its first moment in the city's time) or a time (RFC 3339)",
        max_length=40,
        json_schema_extra=DAY,
    ),
]
NOTE = Annotated[str | None, Query(description="why, for the list of versions", max_length=500, pattern=r"^[^\x00]*$")]

# A change is weighed against all grids that there are, and a file is read whole: in this process up to here, which
# takes some 0.1 s of it. While it looked at a province of 120,000 nobody else was answered for up to 9 s.
FEW_GRIDS = FEW_AREAS
SHORT_BYTES = 1 << 20


class Asked(NamedTuple):
    """How a change is asked for: see the parameters of the routes."""

    dry_run: bool
    effective: str | None
    note: str | None
    key: str | None = None


async def change_as_asked(wired: Wired, caller: Principal, request: Request, what: What, asked: Asked) -> Response:
    """Carry it out, plan it or look at it: here, or in a process of its own where others would wait for it. Raises what
    `carry_out` raises.
    """
    content = await request.body()
    once = None
    if asked.key is not None:
        once = asked.key, request_hash(request.method, f"{request.url.path}?{request.url.query}", content)
    drawn = "text/html" in request.headers.get("accept", "")
    ask = Ask(caller, what, asked.dry_run, asked.effective, asked.note, drawn, once, request.url.path)
    if len(content) > SHORT_BYTES or len(wired.grids.current) > FEW_GRIDS:
        file = what.content if isinstance(what, Sent) else b""
        apart = ask._replace(what=what._replace(content=b"")) if isinstance(what, Sent) else ask
        given = (wired.settings.database_url, wired.area_rules, wired.pack.zone, apart)
        answer = await wired.area_worker.carry_out(given, file)
        wired.outbox.ring()
    else:
        house = House(wired.pool, wired.outbox, wired.clock, wired.area_rules, wired.pack.zone)
        answer = await carry_out(house, ask)
    headers = None if answer.retry_after is None else {"Retry-After": answer.retry_after}
    return Response(answer.body, answer.status, headers, media_type=answer.media_type)
