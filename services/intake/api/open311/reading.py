"""Requests and tokens, read. Anybody may: what is told names no person."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from services.intake.api.open311 import asking, documents
from services.intake.api.open311.offering import address_of
from services.intake.api.open311.posting import REQUESTS
from services.intake.api.open311.rendering import Format, answer
from services.intake.domain.open311 import STATUSES, UnknownToken
from services.intake.queries.open311_requests import Filter, Reader, requests, requests_of
from services.intake.queries.open311_requests import request as find_request
from services.intake.wiring import Wired
from shared.http import StraightRoute, runs
from shared.kernel.errors import FieldError, Invalid

router = APIRouter(prefix="/open311/v2", tags=["open311"], route_class=StraightRoute)

MOST_NAMED: Final = 1_000


def reader(parts: Wired, request: Request) -> Reader:
    media = f"{address_of(parts, request).removesuffix('/open311/v2')}/v1/media/"
    return Reader(parts.pool, parts.clock, parts.pack.zone, parts.open311, media)


async def _requests(request: Request) -> Response:
    parts, form, query = asking.wired(request), asking.format_asked(request), request.query_params
    area = asking.place_asked(request).area
    page, extended = asking.page_asked(query), asking.truth(query, "extensions")
    if named := asking.many(query, "service_request_id"):
        if len(named) > MOST_NAMED:
            words = f"{len(named):,} ids; ask for {MOST_NAMED:,} at once"
            raise Invalid(words, errors=[FieldError("?service_request_id", words)])
        found = await requests_of(reader(parts, request), asking.known_ids(named), area, extended=extended)
        return answer(REQUESTS, found, form)
    codes, statuses = asking.many(query, "service_code"), asking.many(query, "status")
    for code in codes:
        parts.open311.check(code)
    for status in statuses:
        if status.lower() not in STATUSES:
            raise Invalid(
                f"status {status[:40]!r} is neither open nor closed", errors=[FieldError("?status", "open or closed")]
            )
    asked = Filter(
        area,
        list(dict.fromkeys(codes)) or None,
        [status.lower() for status in statuses] or None,
        asking.moment(query, "start_date"),
        asking.moment(query, "end_date"),
        asking.moment(query, "updated_after"),
        asking.moment(query, "updated_before"),
        asking.box_asked(query),
    )
    shown = await requests(
        reader(parts, request), asked, size=page.size, offset=page.offset, unpaged=page.unpaged, extended=extended
    )
    return answer(REQUESTS, shown.requests, form, headers=asking.page_headers(shown.total, page, request))


async def _request(request: Request) -> Response:
    parts, form = asking.wired(request), asking.format_asked(request)
    area, extended = asking.place_asked(request).area, asking.truth(request.query_params, "extensions")
    ids = asking.known_ids([request.path_params["id"]])
    return answer(REQUESTS, await find_request(reader(parts, request), ids, area, extended=extended), form)


async def _token(request: Request) -> Response:
    """Every post is answered with its id, which is its token as well: none is ever pending."""
    parts, form = asking.wired(request), asking.format_asked(request)
    area = asking.place_asked(request).area
    ids = asking.known_ids([request.path_params["token"]])
    found = await requests_of(reader(parts, request), ids, area, extended=False)
    if not found:
        raise UnknownToken("no request has this token; a post is answered with its service_request_id at once")
    told = {"service_request_id": found[0]["service_request_id"], "token": request.path_params["token"]}
    return answer(REQUESTS, [told], form)


@router.get(
    "/requests.{format}",
    **documents.reading(
        "The requests",
        parameters=[
            documents.JURISDICTION,
            documents.query("service_request_id", "ids, with commas between them; all else is then left aside"),
            documents.query("service_code", "codes of services, with commas between them"),
            documents.query("status", "open, closed, or both with a comma", enum=["open", "closed", "open,closed"]),
            documents.time("start_date", "came in then or later"),
            documents.time("end_date", "came in then or before; 90 days after start_date at the most"),
            documents.time("updated_after", "last changed then or later"),
            documents.time("updated_before", "last changed then or before"),
            documents.query("bbox", "west,south,east,north in degrees"),
            *documents.PAGES,
            documents.EXTENSIONS,
        ],
    ),
)
@runs(_requests)
async def service_requests(format: Format) -> Any:
    """What was reported and what became of it, the youngest first. Without a time: the last 90 days or the first 1,000,
    whichever is less. How many there are in all is in `X-Total-Count`.
    """


@router.get(
    "/requests/{id}.{format}",
    **documents.reading("The request", parameters=[documents.JURISDICTION, documents.EXTENSIONS]),
)
@runs(_request)
async def service_request(id: str, format: Format) -> Any:
    """One request, as a list of one."""


@router.get("/tokens/{token}.{format}", **documents.reading("The id", parameters=[documents.JURISDICTION]))
@runs(_token)
async def service_request_id(token: str, format: Format) -> Any:
    """The id of the request that a token stands for."""
