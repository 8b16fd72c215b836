"""What is personal of reports and of field work: read with a purpose, erased, and the log of both."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, JsonValue

from services.intake.commands.erase_personal import Whom, erase_personal
from services.intake.commands.read_personal import Once, read_personal, read_visited
from services.intake.domain.purposes import Purpose, Reason
from services.intake.queries.personal_log import LogView, personal_log
from services.intake.wiring import Wired
from shared.auth import Caller
from shared.http import Body, Cursor, Listing, PageLimit, refusals, wired_of
from shared.idempotency import IdempotencyKey
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Invalid

router = APIRouter(tags=["personal data 个人信息"])


class OneOfThree(Invalid):
    slug, title, title_zh = "one-of-three", "Name the person in one of the four ways", "指定主体的方式无效"


class LookBody(Body):
    """Why it is looked at; the note is kept with its numbers masked."""

    purpose: Purpose
    note: Annotated[str, Field(max_length=200)] = ""


class ReporterView(BaseModel):
    name: str | None
    phone: str | None
    email: str | None


class PersonalView(BaseModel):
    """What is personal of a report: the text unmasked, who reported; `attributes` as sent, if some are masked."""

    report_id: UUID
    description: str
    reporter: ReporterView | None
    attributes: dict[str, JsonValue] | None


class PersonView(BaseModel):
    name: str | None
    phone: str | None
    address: str | None


class VisitedView(BaseModel):
    """What is personal of an activity: who was visited 服务对象, and its members with their texts as written."""

    activity_id: UUID
    person: PersonView | None
    details: dict[str, JsonValue]


class ErasureBody(Body):
    """A person, by one of four: a report of theirs, an activity that names them, a telephone number, an e-mail address.
    `media`: the pictures of these go too, for they show the person.
    """

    report: UUID | None = None
    activity: UUID | None = None
    phone: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    email: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    reason: Reason
    media: bool = False


class ErasureView(BaseModel):
    """How many keys of this person ended, and how many reports and activities are unreadable in what was personal."""

    subjects: int
    reports: int
    activities: int


@router.post("/v1/reports/{report_id}/personal")
async def post_look(
    request: Request,
    response: Response,
    report_id: UUID,
    caller: Caller,
    body: LookBody,
    idempotency_key: IdempotencyKey = None,
) -> PersonalView:
    """Read what is personal of a report. Who, when, why and which report are written down for auditors."""
    wired: Wired = wired_of(request)
    once = await once_of(request, wired, idempotency_key)
    response.headers["Cache-Control"] = "no-store"
    vault = wired.desk.vault
    found = await read_personal(wired.pool, vault, wired.clock, caller, report_id, body.purpose, body.note, once)
    reporter = None if found.reporter is None else ReporterView(**found.reporter._asdict())
    attributes = None if found.attributes is None else dict(found.attributes)
    return PersonalView(report_id=report_id, description=found.description, reporter=reporter, attributes=attributes)


@router.post("/v1/activities/{activity_id}/personal", responses=refusals(404))
async def post_look_at_visited(
    request: Request,
    response: Response,
    activity_id: UUID,
    caller: Caller,
    body: LookBody,
    idempotency_key: IdempotencyKey = None,
) -> VisitedView:
    """Read whom an activity names 服务对象. Who, when, why and which activity are written down for auditors."""
    wired: Wired = wired_of(request)
    once = await once_of(request, wired, idempotency_key)
    response.headers["Cache-Control"] = "no-store"
    vault = wired.desk.vault
    found = await read_visited(wired.pool, vault, wired.clock, caller, activity_id, body.purpose, body.note, once)
    person = None if found.person is None else PersonView(**found.person._asdict())
    return VisitedView(activity_id=activity_id, person=person, details=dict(found.details))


@router.post("/v1/personal/erasures", responses=refusals(404))
async def post_erasure(
    request: Request, caller: Caller, body: ErasureBody, idempotency_key: IdempotencyKey = None
) -> ErasureView:
    """Erase a person for good, by destroying their key 密钥销毁: their reports stay, without what was personal."""
    given = [name for name in ("report", "activity", "phone", "email") if getattr(body, name) is not None]
    if len(given) != 1:
        said = f"has {', '.join(given)}" if given else "has none of them"
        raise OneOfThree(
            f"the body {said}; give report, or activity, or phone, or email", errors=[FieldError("", "one of the four")]
        )
    wired: Wired = wired_of(request)
    once = await once_of(request, wired, idempotency_key)
    erased = await erase_personal(
        wired.pool,
        wired.desk.vault,
        wired.clock,
        caller,
        Whom(body.report, body.phone, body.email, body.activity),
        body.reason,
        city=AreaPath(wired.pack.area),
        pictures=body.media,
        once=once,
    )
    return ErasureView(**erased._asdict())


@router.get("/v1/personal/log")
async def get_log(
    request: Request,
    caller: Caller,
    report: Annotated[UUID | None, Query(description="of this report alone")] = None,
    activity: Annotated[UUID | None, Query(description="of this activity alone")] = None,
    act: Annotated[Literal["read", "erase", "expire", "rewrap"] | None, Query()] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[LogView]:
    """Who read or erased what is personal, the newest first 操作记录."""
    wired: Wired = wired_of(request)
    return await personal_log(
        wired.pool, caller, report_id=report, activity_id=activity, act=act, cursor=cursor, limit=limit
    )


async def once_of(request: Request, wired: Wired, key: str | None) -> Once | None:
    """The request by a keyed hash: its body holds a telephone number, which a plain one would give away."""
    if key is None:
        return None
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return Once(key, await wired.desk.vault.keyed(asked))
