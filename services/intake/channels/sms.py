"""Text messages over a gateway's HTTP: one JSON POST each, of a shape that the settings give, signed if there is a
secret.

The signature is `X-Wangge-Signature: t=<Unix seconds>,v1=<hex>`: HMAC-SHA-256 over `<t>.<body>`. `Idempotency-Key` is
the message's id, the same at every try.
"""

import hmac
from typing import Any

import httpx
import orjson

from services.intake.domain.messages import Message, Result, render
from shared.kernel.clock import Clock

# The gateway is busy, or was too slow, or counts: it may well take the same a little later.
_LATER = (408, 409, 425, 429)


class SmsGateway:
    """`body` is JSON; {phone}, {text} and {id} in its strings are filled in."""

    def __init__(self, client: httpx.AsyncClient, url: str, body: str, secret: bytes | None, clock: Clock) -> None:
        self._client = client
        self._url = url
        self._body = orjson.loads(body)
        self._secret = secret
        self._clock = clock

    async def send(self, message: Message) -> Result:
        content = orjson.dumps(filled(self._body, {"phone": message.to, "text": message.text, "id": message.id}))
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
        if self._secret is not None:
            stamp = str(int(self._clock().timestamp()))
            signature = hmac.digest(self._secret, f"{stamp}.".encode() + content, "sha256").hex()
            headers["X-Wangge-Signature"] = f"t={stamp},v1={signature}"
        try:
            answer = await self._client.post(self._url, content=content, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            return Result("later", type(error).__name__)
        why = f"HTTP {answer.status_code}"
        if answer.is_success:
            return Result("sent", why)
        if answer.status_code in _LATER or answer.status_code >= 500:
            return Result("later", why, _seconds(answer.headers.get("retry-after")))
        return Result("refused", why)


def filled(part: Any, values: dict[str, str]) -> Any:
    """A JSON value with its strings filled in: after it was parsed, so that no text can break out of its string."""
    if isinstance(part, str):
        return render(part, values)
    if isinstance(part, dict):
        return {name: filled(value, values) for name, value in part.items()}
    if isinstance(part, list):
        return [filled(value, values) for value in part]
    return part


def _seconds(retry_after: str | None) -> float | None:
    """A date instead of seconds is passed over: our own waiting is as good."""
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
