"""What is personal of reports: read with a purpose, erased, and the log of both."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, JsonValue

from services.intake.commands.erase_personal import Whom, erase_personal
from services.intake.commands.read_personal import Once, read_personal
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
    slug, title, title_zh = "one-of-three", "Name the person in one of the three ways", "指定主体的方式无效"


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


class ErasureBody(Body):
    """A person, by one of three: a report of theirs, a telephone number, an e-mail address."""

    report: UUID | None = None
    phone: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    email: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    reason: Reason


class ErasureView(BaseModel):
    """How many keys of this person ended, and how many reports are unreadable in what was personal of them."""

    subjects: int
    reports: int


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
    once = await _once(request, wired, idempotency_key)
    response.headers["Cache-Control"] = "no-store"
    vault = wired.desk.vault
    found = await read_personal(wired.pool, vault, wired.clock, caller, report_id, body.purpose, body.note, once)
    reporter = None if found.reporter is None else ReporterView(**found.reporter._asdict())
    attributes = None if found.attributes is None else dict(found.attributes)
    return PersonalView(report_id=report_id, description=found.description, reporter=reporter, attributes=attributes)


@router.post("/v1/personal/erasures", responses=refusals(404))
async def post_erasure(
    request: Request, caller: Caller, body: ErasureBody, idempotency_key: IdempotencyKey = None
) -> ErasureView:
    """Erase a person for good, by destroying their key 密钥销毁: their reports stay, without what was personal."""
    given = [name for name in ("report", "phone", "email") if getattr(body, name) is not None]
    if len(given) != 1:
        said = f"has {', '.join(given)}" if given else "has none of them"
        raise OneOfThree(
            f"the body {said}; give report, or phone, or email", errors=[FieldError("", "one of the three")]
        )
    wired: Wired = wired_of(request)
    once = await _once(request, wired, idempotency_key)
    erased = await erase_personal(
        wired.pool,
        wired.desk.vault,
        wired.clock,
        caller,
        Whom(body.report, body.phone, body.email),
        body.reason,
        city=AreaPath(wired.pack.area),
        once=once,
    )
    return ErasureView(**erased._asdict())


@router.get("/v1/personal/log")
async def get_log(
    request: Request,
    caller: Caller,
    report: Annotated[UUID | None, Query(description="of this report alone")] = None,
    act: Annotated[Literal["read", "erase", "expire", "rewrap"] | None, Query()] = None,
    cursor: Cursor = None,
    limit: PageLimit = 50,
) -> Listing[LogView]:
    """Who read or erased what is personal, the newest first 操作记录."""
    wired: Wired = wired_of(request)
    return await personal_log(wired.pool, caller, report_id=report, act=act, cursor=cursor, limit=limit)


async def _once(request: Request, wired: Wired, key: str | None) -> Once | None:
    """The request by a keyed hash: its body holds a telephone number, which a plain one would give away."""
    if key is None:
        return None
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    async with wired.pool.acquire() as connection:
        return Once(key, await wired.desk.vault.keyed(connection, asked))
