"""The way in: requests are sent again, with the same Idempotency-Key, when nobody knows what became of them."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import httpx
import orjson

from services.city.robots.wire import Wire, WireError

# Answers that mean "not now": the same request may be sent again. 409 only while the first one is still in flight.
_LATER = frozenset({429, 502, 503, 504})
_IN_FLIGHT = "in-flight"


class Answer(NamedTuple):
    """`body` is what the JSON says, None where there is none; `wait` the seconds of Retry-After."""

    status: int
    body: Any
    wait: float = 0.0

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """The slug of the problem, and the first field it names."""
        if not isinstance(self.body, dict):
            return str(self.status)
        slug = str(self.body.get("type", self.status)).rpartition("/")[2]
        errors = self.body.get("errors") or [{}]
        return f"{slug} {errors[0].get('pointer', '')}".strip()


class NoAnswer(Exception):
    """Nobody answered for as long as the caller was patient."""


class Door:
    """Sends requests; `patience` is how many seconds it goes on trying when there is no answer or "not now"."""

    def __init__(self, base_url: str, *, connections: int, patience: float) -> None:
        self._wire = Wire(base_url, connections=connections)
        self._client = httpx.AsyncClient(base_url=base_url, timeout=30.0)  # for streams and uploads
        self._patience = patience
        self.retries = 0

    async def aclose(self) -> None:
        self._wire.close()
        await self._client.aclose()

    async def get(self, path: str, token: str) -> Answer:
        headers = {"authorization": f"Bearer {token}"}
        return await self._until_answered(f"GET {path}", lambda: self._send("GET", path, headers))

    async def post(self, path: str, token: str, body: Any, *, key: str, revision: int | None = None) -> Answer:
        """`revision` goes into If-Match. Sent again until answered: `key` makes sure it counts once."""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json", "idempotency-key": key}
        if revision is not None:
            headers["if-match"] = f'"{revision}"'
        content = orjson.dumps(body)
        return await self._until_answered(f"POST {path}", lambda: self._send("POST", path, headers, content))

    async def upload(self, token: str, name: str, content: bytes, media_type: str, *, key: str) -> Answer:
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        files = {"file": (name, content, media_type)}

        async def send() -> Answer:
            try:
                response = await self._client.post("/intake/v1/media", headers=headers, files=files)
            except httpx.TransportError as error:
                raise WireError(type(error).__name__) from None
            return _answer(response.status_code, response.headers.get("retry-after"), response.content)

        return await self._until_answered("POST /intake/v1/media", send)

    def stream(self, path: str, token: str, last: str | None) -> AbstractAsyncContextManager[httpx.Response]:
        """An open event stream. Raises httpx.TransportError, also when no heartbeat (15 s) comes for 40 s."""
        headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
        if last is not None:
            headers["last-event-id"] = last
        return self._client.stream("GET", path, headers=headers, timeout=httpx.Timeout(10.0, read=40.0))

    async def _send(self, method: str, path: str, headers: dict[str, str], content: bytes = b"") -> Answer:
        response = await self._wire.send(method, path, headers, content)
        return _answer(response.status, response.headers.get(b"retry-after", b"").decode(), response.body)

    async def _until_answered(self, what: str, send: Callable[[], Awaitable[Answer]]) -> Answer:
        give_up_at = time.monotonic() + self._patience
        pause = 0.1
        while True:
            wait = pause * random.uniform(0.7, 1.3)
            try:
                answer = await send()
            except WireError as error:
                last = str(error)
            else:
                if answer.status not in _LATER and not (answer.status == 409 and _IN_FLIGHT in answer.reason):
                    return answer
                last = f"{answer.status} {answer.reason}"
                wait = max(wait, min(answer.wait, 10.0))
            if time.monotonic() + wait > give_up_at:
                raise NoAnswer(f"{what.partition('?')[0]}: {last}")
            self.retries += 1
            await asyncio.sleep(wait)
            pause = min(pause * 2, 3.0)


def _answer(status: int, retry_after: str | None, content: bytes) -> Answer:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    return Answer(status, body, float(retry_after) if retry_after and retry_after.isdecimal() else 0.0)
