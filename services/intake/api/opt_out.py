"""Decline messages 退订: a page that messages link to, and what it calls. For whoever holds a tracking code.

The code stands behind the # of the link, which no browser sends and no log holds; opening the page changes nothing, for
mail scanners open every link.
"""

import base64
import hashlib
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.intake.commands.decline_messages import decline_messages
from services.intake.wiring import Wired
from shared.http import Body, refusals, wired_of
from shared.idempotency import IdempotencyKey

router = APIRouter(tags=["messages 消息"])

_SCRIPT: Final = """
const said = document.querySelector("output"), code = location.hash.slice(1);
document.querySelector("button").addEventListener("click", async () => {
  const answer = await fetch("opt-out", {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({code})});
  said.textContent = answer.ok ? "已退订。 No more messages will be sent."
                               : "查询码无效。 The code is not known.";
});
"""
_PAGE: Final = f"""<!doctype html>
<html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>退订消息 No more messages</title>
<h1>退订消息 No more messages</h1>
<p>退订后，您的上报照常办理，查询码仍可查询进度。
<p lang="en">Your reports are handled as before, and their tracking codes go on to tell where they stand.
<p><button type="button">退订 Stop messages</button> <output></output>
<script>{_SCRIPT}</script>
</html>
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; connect-src 'self'; script-src 'sha256-{_HASH}'",
    "Referrer-Policy": "no-referrer",
}


class DeclineBody(Body):
    """The code of any report of the person."""

    code: Annotated[str, Field(min_length=1, max_length=64, description="tracking code 查询码")]


@router.get(
    "/v1/opt-out",
    response_class=Response,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "the page"}},
)
async def get_page() -> Response:
    """The page that messages link to, the code behind the #."""
    return Response(_PAGE, media_type="text/html; charset=utf-8", headers=_HEADERS)


@router.post("/v1/opt-out", status_code=204, responses=refusals(404))
async def post_decline(request: Request, body: DeclineBody, idempotency_key: IdempotencyKey = None) -> None:
    """No further messages to the reporter of this report, of any of their reports. Said again it changes nothing."""
    wired: Wired = wired_of(request)
    await decline_messages(wired.pool, wired.clock, body.code)
