"""Updates of requests: read by clients that ask again and again, added to by the app that sent the request."""

from typing import Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from services.intake.api.open311 import asking, documents
from services.intake.api.open311.form import Form, read_form
from services.intake.api.open311.posting import caller_of, stored
from services.intake.api.open311.reading import reader
from services.intake.api.open311.rendering import Format, answer
from services.intake.commands.add_to_report import add_to_report
from services.intake.commands.speak_again import Speaker
from services.intake.domain.open311 import EXTENDED, STATUSES, UnknownRequest, UpdateIdReused
from services.intake.domain.open311_form import BadField, check_description, check_lengths, check_urls, written
from services.intake.queries.open311_updates import updates
from shared.http import StraightRoute, runs
from shared.idempotency import KeyReused, keyed_hash
from shared.kernel.errors import FieldError

router = APIRouter(prefix="/open311/v2", tags=["open311"], route_class=StraightRoute)

UPDATES: Final = "service_request_updates"
PATH: Final = "/open311/v2/servicerequestupdates"
_SAID: Final = frozenset((*STATUSES, *(status.lower() for status in EXTENDED)))


async def _updates(request: Request) -> Response:
    parts, form, query = asking.wired(request), asking.format_asked(request), request.query_params
    area, page = asking.place_asked(request).area, asking.page_asked(query)
    named = asking.many(query, "service_request_id")
    found = await updates(
        reader(parts, request),
        area,
        asking.known_ids(named) if named else None,
        asking.moment(query, "start_date") or asking.moment(query, "updated_after"),
        asking.moment(query, "end_date") or asking.moment(query, "updated_before"),
        size=page.size,
        offset=page.offset,
        extended=asking.truth(query, "extensions"),
    )
    return answer(UPDATES, found.updates, form, headers=asking.page_headers(found.total, page, request))


async def _post(request: Request) -> Response:
    """An addition 补充, by the same command as our own: the desk reads it in the case's timeline."""
    parts = asking.wired(request)
    form_asked = asking.format_asked(request)
    form = await read_form(request, parts.settings.max_body_bytes)
    try:
        asking.place_asked(request, form)
        who = await caller_of(parts, request, form)
        report_id, text = _added(form)
        name = asking.one(form, "update_id", "/")
        key = None if name is None else f"open311-update:{name}"
        media = await stored(parts, who, form.files, key)
        said = orjson.dumps((report_id, text, [str(each) for each in media]))
        digest = keyed_hash(await parts.desk.vault.secret(), "POST", PATH, said)
        speaker = Speaker(who, None, key, digest)
        answered = await add_to_report(parts.desk, parts.outbox, speaker, report_id, text, media)
    except KeyReused:
        words = "stands for another update already; give each one of its own"
        raise UpdateIdReused(f"update_id {words}", errors=[FieldError("/update_id", words)]) from None
    finally:
        await form.close()
    told = {
        "update_id": orjson.loads(answered)["id"],
        "service_request_id": str(report_id),
        "account_id": asking.one(form, "account_id", "/"),
    }
    return answer(UPDATES, [told], form_asked)


def _added(form: Form) -> tuple[UUID, str | None]:
    """The report, and what is said of it. Raises BadField, UnknownRequest."""
    fields = form.fields
    urls = fields.get("media_url", []) + fields.get("media_url[]", [])
    errors = [*check_lengths(fields), *check_urls(urls)]
    named = asking.one(form, "service_request_id", "/")
    description, status = asking.one(form, "description", "/"), asking.one(form, "status", "/")
    errors += check_description(description)
    if len(urls) > 1:
        errors.append(FieldError("/media_url", "an update has one"))
    if named is None:
        errors.append(FieldError("/service_request_id", "missing"))
    if description is None and not urls and not form.files:
        errors.append(FieldError("/description", "missing: an update says or shows something"))
    if status is not None and status.lower() not in _SAID:
        errors.append(FieldError("/status", f"{status[:40]!r} is none of {', '.join(STATUSES)}, {', '.join(EXTENDED)}"))
    asking.moment(form, "updated_datetime", "/")
    if errors:
        raise BadField("; ".join(f"{e.pointer.lstrip('/')}: {e.message}" for e in errors[:3]), errors=errors)
    ids = asking.known_ids([named or ""])
    if not ids:
        raise UnknownRequest(
            f"there is no service request {(named or '')[:64]!r}",
            errors=[FieldError("/service_request_id", "no such request")],
        )
    if description is None and not urls:
        return ids[0], None
    return ids[0], written(description, "照片 a photo", urls).text


@router.get(
    "/servicerequestupdates.{format}",
    **documents.reading(
        "The updates",
        parameters=[
            documents.JURISDICTION,
            documents.query("service_request_id", "ids, with commas between them"),
            documents.time("start_date", "happened then or later; left out, with the end: the last 24 hours"),
            documents.time("end_date", "happened then or before"),
            *documents.PAGES,
            documents.EXTENSIONS,
        ],
    ),
)
@runs(_updates)
async def service_request_updates(format: Format) -> Any:
    """What happened to requests, in the order in which it did. An `update_id` is the same each time."""


@router.post(
    "/servicerequestupdates.{format}",
    **documents.posting(
        "The update",
        {name: {"type": "string"} for name in ("api_key", "service_request_id", "update_id", "description", "status")},
        required=["api_key", "service_request_id"],
    ),
)
@runs(_post)
async def post_service_request_update(format: Format) -> Any:
    """Add something to a request. With an `update_id` of its own it may be sent again. What status a request has is the
    city's to decide: one that is sent along is what the client believes.
    """
