"""What is offered: discovery, services, definitions of services."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from services.intake.api.open311 import asking, documents
from services.intake.api.open311.rendering import TYPES, Format, answer
from services.intake.queries.open311_requests import moment
from services.intake.wiring import Wired
from shared.http import StraightRoute, runs

router = APIRouter(prefix="/open311/v2", tags=["open311"], route_class=StraightRoute)

SPECIFICATION: Final = "http://wiki.open311.org/GeoReport_v2"


def address_of(parts: Wired, request: Request) -> str:
    """The endpoint's address: what the settings say, else the one that this request came to."""
    if said := parts.settings.open311_url:
        return said.rstrip("/")
    url = request.url
    return f"{url.scheme}://{url.netloc}{request.scope.get('root_path', '')}/open311/v2"


async def _discovery(request: Request) -> Response:
    parts, form = asking.wired(request), asking.format_asked(request)
    changeset = moment(await parts.open311.changeset(parts.pool, parts.clock), parts.pack.zone)
    settings = parts.settings
    title = parts.pack.title
    told = {
        "changeset": changeset,
        "contact": settings.open311_contact or f"{title.zh} {title.en}",
        "key_service": settings.open311_key_service
        or "API keys are issued by the city's administrator: POST /intake/v1/keys, or `wangge keys create`",
        "endpoints": [
            {
                "specification": SPECIFICATION,
                "url": address_of(parts, request),
                "changeset": changeset,
                "type": "production" if settings.environment == "production" else "test",
                "formats": [kind.partition(";")[0] for kind in TYPES.values()],
            }
        ],
    }
    return answer("discovery", told, form)


async def _services(request: Request) -> Response:
    parts, form = asking.wired(request), asking.format_asked(request)
    asking.place_asked(request)
    today = parts.clock().astimezone(parts.pack.zone).date()
    return answer("services", parts.open311.offered(today), form)


async def _definition(request: Request) -> Response:
    form = asking.format_asked(request)
    asking.place_asked(request)
    return answer("service_definition", asking.wired(request).open311.definition(request.path_params["code"]), form)


@router.get("/discovery.{format}", **documents.reading("Where this endpoint is", many=False))
@runs(_discovery)
async def discovery(format: Format) -> Any:
    """Where the endpoint is, which formats it speaks, and when what it offers last changed."""


@router.get("/services.{format}", **documents.reading("The services", parameters=[documents.JURISDICTION]))
@runs(_services)
async def services(format: Format) -> Any:
    """What may be reported: the catalogue 目录 as services."""


@router.get(
    "/services/{code}.{format}",
    **documents.reading("The definition", parameters=[documents.JURISDICTION], many=False),
)
@runs(_definition)
async def service_definition(code: str, format: Format) -> Any:
    """What a service asks beside the description: its attributes, and the values that each may have."""
