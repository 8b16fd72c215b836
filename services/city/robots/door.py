"""The way in: requests are sent again, with the same Idempotency-Key, when nobody knows what became of them."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import orjson

from services.city.robots.keys import Keys
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
    """Sends requests, each in somebody's name; tries for `patience` seconds when there is no answer or "not now"."""

    def __init__(self, base_url: str, keys: Keys, *, connections: int, patience: float) -> None:
        self._wire = Wire(base_url, connections=connections)
        self._client = httpx.AsyncClient(base_url=base_url, timeout=30.0)  # for streams and uploads
        self._keys = keys
        self._patience = patience
        self.retries = 0

    async def aclose(self) -> None:
        self._wire.close()
        await self._client.aclose()

    async def get(self, path: str, who: str) -> Answer:
        return await self._until_answered(f"GET {path}", who, lambda own: self._send("GET", path, own))

    async def post(self, path: str, who: str, body: Any, *, key: str, revision: int | None = None) -> Answer:
        """`revision` goes into If-Match. Sent again until answered: `key` makes sure it counts once."""
        headers = {"content-type": "application/json", "idempotency-key": key}
        if revision is not None:
            headers["if-match"] = f'"{revision}"'
        content = orjson.dumps(body)
        return await self._until_answered(
            f"POST {path}", who, lambda own: self._send("POST", path, own | headers, content)
        )

    async def upload(self, who: str, name: str, content: bytes, media_type: str, *, key: str) -> Answer:
        files = {"file": (name, content, media_type)}

        async def send(own: dict[str, str]) -> Answer:
            headers = own | {"idempotency-key": key}
            try:
                response = await self._client.post("/intake/v1/media", headers=headers, files=files)
            except httpx.TransportError as error:
                raise WireError(type(error).__name__) from None
            return _answer(response.status_code, response.headers.get("retry-after"), response.content)

        return await self._until_answered("POST /intake/v1/media", who, send)

    @asynccontextmanager
    async def stream(self, path: str, who: str, last: str | None) -> AsyncIterator[httpx.Response]:
        """An open event stream. Raises httpx.TransportError, also when no heartbeat (15 s) comes for 40 s."""
        secret = self._keys[who]
        headers = {"authorization": f"Bearer {secret}", "accept": "text/event-stream"}
        if last is not None:
            headers["last-event-id"] = last
        timeout = httpx.Timeout(10.0, read=40.0)
        async with self._client.stream("GET", path, headers=headers, timeout=timeout) as response:
            if response.status_code == 401:
                self._keys.renew(who, secret)
            yield response

    async def _send(self, method: str, path: str, headers: dict[str, str], content: bytes = b"") -> Answer:
        response = await self._wire.send(method, path, headers, content)
        return _answer(response.status, response.headers.get(b"retry-after", b"").decode(), response.body)

    async def _until_answered(self, what: str, who: str, send: Callable[[dict[str, str]], Awaitable[Answer]]) -> Answer:
        """`send` gets the header that names who is asking."""
        give_up_at = time.monotonic() + self._patience
        pause = 0.1
        while True:
            wait = pause * random.uniform(0.7, 1.3)
            secret = self._keys[who]
            try:
                answer = await send({"authorization": f"Bearer {secret}"})
            except WireError as error:
                last = str(error)
            else:
                if answer.status == 401 and self._keys.renew(who, secret):
                    continue
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
