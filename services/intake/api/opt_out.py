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
const said = document.querySelector("output"), button = document.querySelector("button");
const code = decodeURIComponent(location.hash.slice(1));
const say = (wrong, zh, en) => {
  const english = document.createElement("span");
  Object.assign(english, {className: "en", lang: "en", textContent: en});
  said.className = wrong ? "wrong" : "";
  said.replaceChildren(zh, english);
};
if (!code) {
  button.hidden = true;
  say(true, "链接不完整，请从消息中重新打开。", "The link is incomplete: open it from the message once more.");
}
button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const answer = await fetch("opt-out", {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({code})});
    if (answer.ok) { button.hidden = true; say(false, "已退订，不再发送消息。", "No more messages will be sent."); }
    else if (answer.status < 500) say(true, "查询码无效。", "The code is not known.");
    else say(true, "暂时无法办理，请稍后再试。", "It cannot be done just now: please try again later.");
  } catch {
    say(true, "没有发出，请检查网络后再试一次。", "Not sent: look at your connection and try again.");
  } finally {
    button.disabled = false;
  }
});
"""
# In the colours of the status page, which is another service's.
_STYLE: Final = """
:root { --ground: #f3f6f7; --card: #fff; --ink: #16242b; --soft: #4d5f68; --line: #d5dfe3; --brand: #0b5c6b;
  --good: #146c43; --stop: #8a3b32; --on: #fff;
  font: 17px/1.55 system-ui, -apple-system, "Segoe UI", "PingFang SC", "Noto Sans CJK SC", "Noto Sans SC",
    "Microsoft YaHei", sans-serif }
@media (prefers-color-scheme: dark) { :root { --ground: #0e1417; --card: #162026; --ink: #e6eef1; --soft: #a6b8c0;
  --line: #27353c; --brand: #7fd0d8; --good: #5cd69a; --stop: #eba69d; --on: #0e1417 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink) }
main { max-width: 34rem; margin: 0 auto; padding: clamp(1.2rem, 5vw, 3rem) 1rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.4rem 1.2rem }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 1rem } p { margin: 0 0 1.2rem }
.en { display: block; color: var(--soft); font-size: .88rem; font-weight: 400 }
button { font: inherit; font-weight: 600; min-height: 3rem; padding: .7rem 1.4rem; border: 0; border-radius: 10px;
  background: var(--brand); color: var(--on); cursor: pointer }
button .en { display: inline; color: inherit; font-size: 1rem; font-weight: 600 }
button[disabled] { opacity: .6 } button[hidden] { display: inline-block; visibility: hidden }
output { display: block; min-height: 3.4rem; margin-top: 1rem; color: var(--good) } .wrong { color: var(--stop) }
:focus-visible { outline: 3px solid var(--brand); outline-offset: 2px }
"""
_PAGE: Final = f"""<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>退订消息 · No more messages</title>
<style>{_STYLE}</style>
</head>
<body>
<main><div class="card">
<h1>退订消息 <span class="en" lang="en">No more messages</span></h1>
<p>退订后，您的上报照常办理，查询码仍可查询进度。
<span class="en" lang="en">Your reports are handled as before, and their tracking codes go on to tell where they
stand.</span></p>
<button type="button">退订 <span class="en" lang="en">Stop messages</span></button>
<output></output>
</div></main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; connect-src 'self'; script-src {_source(_SCRIPT)}; style-src {_source(_STYLE)}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
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
