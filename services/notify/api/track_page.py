"""`GET /track` and `GET /track/{code}`: the status page, for whoever holds a tracking code; no account."""

import time
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.notify.console.track_page import HEADERS, asking_page, status_page
from services.notify.domain.track import TrackingCodeUnknown
from services.notify.queries.tracking import tracking_of
from services.notify.wiring import Wired
from shared.http import wired_of
from shared.http.address import client_address

router = APIRouter(tags=["tracking 进度查询"], default_response_class=HTMLResponse)

_UNKNOWN = (
    "没有这个查询码。请核对上报时收到的 12 位字符。",
    "There is no report with this code. Look again at the 12 characters you were given.",
)
_OFTEN = ("查询过于频繁，请稍候再试。", "Too many look-ups from here. Please wait a moment.")
_PAGE: dict[str, Any] = {
    "content": {"text/html": {"schema": {"type": "string"}}},
    "description": "the page, which says so",
}


@router.get(
    "/track",
    response_class=HTMLResponse,
    summary="The page that asks for a code 查询页面",
    responses={303: {"description": "to the page of the code"}},
)
async def get_asking_page(
    request: Request, code: Annotated[str | None, Query(max_length=64, description="goes to its page")] = None
) -> Response:
    """A form; with `?code=` the way to the report's page."""
    wired: Wired = wired_of(request)
    if code and code.strip():
        return RedirectResponse(f"{_ask(request)}/{quote(code.strip(), safe='')}", 303, headers=HEADERS)
    return HTMLResponse(asking_page(wired.pack.title, _ask(request)), headers=HEADERS)


@router.get(
    "/track/{code}",
    response_class=HTMLResponse,
    summary="A report's status page 进度页面",
    responses={404: _PAGE, 429: _PAGE},
)
async def get_status_page(request: Request, code: str) -> Response:
    """Case, dashes and blanks in the code do not matter."""
    wired: Wired = wired_of(request)
    ask = _ask(request)
    address = client_address(request, wired.settings.trusted_proxies)
    if not wired.lookups.take(address, time.monotonic()):
        page = asking_page(wired.pack.title, ask, _OFTEN, code)
        return HTMLResponse(page, 429, headers={**HEADERS, "Retry-After": "1"})
    try:
        found = await tracking_of(wired.pool, code[:64])
    except TrackingCodeUnknown:
        return HTMLResponse(asking_page(wired.pack.title, ask, _UNKNOWN, code), 404, headers=HEADERS)
    return HTMLResponse(status_page(wired.pack.title, wired.pack.zone, found, code, ask), headers=HEADERS)


def _ask(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return f"{root}/track"
