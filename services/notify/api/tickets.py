"""`POST /v1/stream-tickets`: for browsers, whose EventSource cannot send a header."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel

from services.notify.commands.make_ticket import make_ticket
from services.notify.wiring import Wired
from shared.auth import Caller
from shared.http import wired_of

router = APIRouter(tags=["stream 推送"])


class StreamTicket(BaseModel):
    """`ticket` goes into `?ticket=` of the stream; it opens streams until `expires_at`."""

    ticket: str
    expires_at: datetime


@router.post("/v1/stream-tickets", status_code=201, summary="A ticket for a browser's stream 流票据")
async def post_stream_ticket(request: Request, who: Caller) -> StreamTicket:
    """Good for one minute and for streams alone, with the caller's own area. A stream that is open by then goes on."""
    wired: Wired = wired_of(request)
    made = await make_ticket(wired.pool, wired.clock, who)
    return StreamTicket(ticket=made.ticket, expires_at=made.expires_at)
