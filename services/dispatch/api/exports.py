"""Cases as a file for a spreadsheet."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import IO, Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.dispatch.api.asking import Parts, sight_of
from services.dispatch.api.filters import Filters
from services.dispatch.queries.export import MOST_CSV, MOST_XLSX, csv_export, xlsx_export
from services.dispatch.queries.sheet import Names, Sheet
from services.dispatch.wiring import Wired
from shared.auth import Caller, authorize
from shared.kernel.clock import utc_now

router = APIRouter(prefix="/v1/cases", tags=["desks 工作台"])

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PIECE = 1 << 16


class _Streamed(StreamingResponse):
    """Closes what it streams from also when the client went away in the midst of it: a snapshot is kept for nobody."""

    def __init__(self, pieces: AsyncIterator[bytes], close: Callable[[], Awaitable[None]], **more: Any) -> None:
        super().__init__(pieces, **more)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._close()


@router.get(
    "/export",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}, XLSX: {}}, "description": "The file"}},
    summary="Cases as CSV or XLSX, newest first",
    description=f"At most {MOST_CSV:,} cases as CSV and {MOST_XLSX:,} as XLSX; more are refused before the first byte.",
)
async def get_export(
    who: Caller, parts: Parts, wanted: Filters, format: Annotated[Literal["csv", "xlsx"], Query()] = "csv"
) -> Response:
    authorize(who, "cases:read")
    sheet = Sheet(parts.rules.calendar.zone, _names(parts))
    named = _named(format, utc_now().astimezone(parts.rules.calendar.zone))
    if format == "xlsx":
        return _book(await xlsx_export(parts.pool, parts.exports, sight_of(who), wanted, sheet), named)
    pieces = csv_export(parts.pool, parts.exports, sight_of(who), wanted, sheet)
    first = await anext(pieces)  # refused here, if at all, while nothing was sent yet
    return _Streamed(_joined(first, pieces), pieces.aclose, media_type=CSV, headers=named)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _book(file: IO[bytes], named: Mapping[str, str]) -> Response:
    """The finished file with its length, so that a part of it is never taken for the whole."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)

    async def pieces() -> AsyncIterator[bytes]:
        while piece := file.read(_PIECE):
            yield piece

    async def close() -> None:
        file.close()

    return _Streamed(pieces(), close, media_type=XLSX, headers={**named, "Content-Length": str(length)})


def _named(ending: str, now: datetime) -> dict[str, str]:
    """The file's name, for old clients in ASCII and for others by RFC 8187."""
    stamp = f"{now:%Y%m%d-%H%M%S}.{ending}"
    chinese = quote(f"案卷-{stamp}")
    return {"Content-Disposition": f"attachment; filename=\"cases-{stamp}\"; filename*=UTF-8''{chinese}"}


def _names(parts: Wired) -> Names:
    categories, units = parts.pack.categories, parts.pack.units

    def category(code: str) -> str | None:
        return f"{found.name.zh} {found.name.en}" if (found := categories.get(code)) else None

    def unit(code: str) -> str | None:
        return f"{found.name.zh} {found.name.en}" if (found := units.get(code)) else None

    return Names(category, unit)
