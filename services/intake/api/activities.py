"""Field work: record one, record many, read what was recorded."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from services.intake.api.activity_body import ActivityBody, read_activity
from services.intake.api.personal import once_of
from services.intake.commands.read_personal import Once
from services.intake.commands.record_activities import Line, Outcome, record_activities, record_activity
from services.intake.queries.activities import ActivityView
from services.intake.queries.activities import activities as list_activities
from services.intake.queries.activities import activity as find_activity
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import AREA, Cursor, Instant, Listing, PageLimit, StraightRoute, problem, runs, status_of, wired_of
from shared.idempotency import IdempotencyKey, key_of
from shared.kernel.errors import Invalid, Refusal, TooLarge, Unavailable
from shared.postgres import is_outage

router = APIRouter(tags=["activities 工作记录"])
straight_router = APIRouter(tags=["activities 工作记录"], route_class=StraightRoute)

NDJSON = "application/x-ndjson"
PATH = "/v1/activities/batch"
# A hundred a transaction: an activity with a long track is a hundred times a report.
PART = 100
_DOCUMENTED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "one activity a line, as for POST /v1/activities",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    },
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "a line each: {line, status, id?, again?, problem?}; lines are numbered from 1",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}


class ActivitiesTooMany(TooLarge):
    slug, title, title_zh = "activities-too-many", "Too many lines in one batch", "批量行数过多"


class NoActivities(Invalid):
    slug, title, title_zh = "no-activities", "The batch has no line", "批量内容为空"


class ActivityTaken(BaseModel):
    """The answer to a recorded activity; it is stored when this is sent. `again`: it was recorded before."""

    id: UUID
    kind: str
    routing_key: str = Field(description="the path of the grid it counts for")
    grids: list[str] = Field(description="every grid it touched, in that order")
    length_m: float | None = Field(description="of a patrol: along its simplified track")
    recorded_at: AwareDatetime
    again: bool


async def _post_activity(request: Request) -> Response:
    wired: Wired = wired_of(request)
    who = await wired.auth.principal(request.headers.get("authorization"))
    once = await once_of(request, wired, key_of(request))
    recorded = await record_activity(wired.desk, wired.outbox, who, await request.body(), read_activity, once)
    answer = orjson.dumps(recorded._asdict())
    return Response(answer, 200 if recorded.again else 201, media_type="application/json")


@straight_router.post("/v1/activities", status_code=201, response_model=ActivityTaken)
@runs(_post_activity)
async def post_activity(body: ActivityBody, caller: Caller, idempotency_key: IdempotencyKey = None) -> Any:
    """Record a patrol, a visit, an inspection, an entry of the diary or a meeting, up to 30 days late. `id` is made by
    the app: the same id and content is recorded once (then 200, `again`), the same id with other content is refused. So
    no Idempotency-Key is needed; one that is sent is refused with another body, and answered as the id is.
    """


@router.post(PATH, response_class=StreamingResponse, openapi_extra=_DOCUMENTED, responses=_ANSWERS)
async def post_activities(
    request: Request, caller: Caller, idempotency_key: IdempotencyKey = None
) -> StreamingResponse:
    """Record up to 2,000 activities, NDJSON. A line that is refused says why and costs the others nothing; answers come
    in parts of 100 lines, each when it is stored. A batch that was cut off is sent again whole: what stands is answered
    with 200. An Idempotency-Key is refused with another body.
    """
    wired: Wired = wired_of(request)
    lines = _lines(await request.body(), wired.settings.activities_max_lines)
    parts = [lines[n : n + PART] for n in range(0, len(lines), PART)]

    async def store(part: Sequence[Line], once: Once | None = None) -> bytes:
        return _rendered(await record_activities(wired.desk, wired.outbox, caller, part, read_activity, once))

    first = await store(parts[0], await once_of(request, wired, idempotency_key))

    async def answers() -> AsyncIterator[bytes]:
        yield first
        for part in parts[1:]:
            try:
                yield await store(part)
            except Exception as error:
                if not (is_outage(error) or isinstance(error, Unavailable)):
                    raise
                late = Unavailable("the database cannot be reached; this line was not stored", facts={"retry_after": 2})
                yield _rendered([(number, late) for number, _ in part])

    return StreamingResponse(answers(), media_type=NDJSON)


@router.get("/v1/activities")
async def get_activities(
    request: Request,
    caller: Caller,
    worker: Annotated[str | None, Query(max_length=200, description="only this worker's")] = None,
    kind: Annotated[Literal["patrol", "visit", "inspection", "diary", "meeting"] | None, Query()] = None,
    area: Annotated[str | None, Query(description="an area and all below it", json_schema_extra=AREA)] = None,
    since: Annotated[Instant | None, Query(description="begun at this time or later")] = None,
    until: Annotated[Instant | None, Query(description="begun before this time")] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[ActivityView]:
    """What was recorded, the newest first. Field workers see their own; leaders and evaluators all of their area."""
    wired: Wired = wired_of(request)
    return await list_activities(
        wired.pool,
        caller,
        worker=worker,
        kind=kind,
        area=area,
        since=since,
        until=until,
        cursor=cursor,
        limit=limit,
    )


@router.get("/v1/activities/{activity_id}")
async def get_activity(request: Request, activity_id: UUID, caller: Caller) -> ActivityView:
    """One activity, with its track: `[lon, lat, seconds since it began]` a fix."""
    wired: Wired = wired_of(request)
    return await find_activity(wired.pool, caller, activity_id)


def _lines(raw: bytes, most: int) -> list[Line]:
    lines = [(number, line) for number, line in enumerate(raw.split(b"\n"), start=1) if line.strip()]
    if len(lines) > most:
        raise ActivitiesTooMany(f"{len(lines):,} lines; a batch may have {most:,}", facts={"limit_lines": most})
    if not lines:
        raise NoActivities("send one activity a line, as for POST /v1/activities")
    return lines


def _rendered(outcomes: Sequence[tuple[int, Outcome]]) -> bytes:
    out = []
    for number, outcome in outcomes:
        if isinstance(outcome, Refusal):
            answer = {"line": number, "status": status_of(outcome), "problem": problem(outcome, f"/intake{PATH}")}
        else:
            status = 200 if outcome.again else 201
            answer = {"line": number, "status": status, **outcome._asdict()}
        out.append(orjson.dumps(answer, default=str, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(out)
