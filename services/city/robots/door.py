"""The way in: one HTTP client that asks again, with the same Idempotency-Key, when it cannot know what became of it."""

import asyncio
import random
import time
from typing import Any, NamedTuple

import httpx
import orjson

# Answers that mean "not now": the same request may be sent again. 409 only while the first one is still in flight.
_LATER = frozenset({429, 502, 503, 504})
_IN_FLIGHT = "in-flight"


class Answer(NamedTuple):
    status: int
    body: Any
    etag: str | None

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
        limits = httpx.Limits(max_connections=connections + 2, max_keepalive_connections=connections + 2)
        self._client = httpx.AsyncClient(base_url=base_url, limits=limits, timeout=httpx.Timeout(30.0, pool=None))
        self._patience = patience
        self.retries = 0

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, path: str, token: str) -> Answer:
        return await self._send("GET", path, {"authorization": f"Bearer {token}"}, {})

    async def post(self, path: str, token: str, body: Any, *, key: str, revision: int | None = None) -> Answer:
        """`revision` goes into If-Match. Sent again until answered: `key` makes sure it counts once."""
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "idempotency-key": key,
        }
        if revision is not None:
            headers["if-match"] = f'"{revision}"'
        return await self._send("POST", path, headers, {"content": orjson.dumps(body)})

    async def upload(self, token: str, name: str, content: bytes, media_type: str, *, key: str) -> Answer:
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        return await self._send("POST", "/intake/v1/media", headers, {"files": {"file": (name, content, media_type)}})

    def stream(self, path: str, token: str, last: str | None) -> Any:
        """An open event stream, as an async context manager that yields the response. Heartbeats come every 15 s."""
        headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
        if last is not None:
            headers["last-event-id"] = last
        return self._client.stream("GET", path, headers=headers, timeout=httpx.Timeout(10.0, read=40.0, pool=None))

    async def _send(self, method: str, path: str, headers: dict[str, str], content: dict[str, Any]) -> Answer:
        give_up_at = time.monotonic() + self._patience
        pause = 0.1
        while True:
            wait = pause * random.uniform(0.7, 1.3)
            last = "no connection"
            try:
                response = await self._client.request(method, path, headers=headers, **content)
            except httpx.TransportError as error:
                last = type(error).__name__
            else:
                answer = _answer(response)
                if response.status_code not in _LATER and not (answer.status == 409 and _IN_FLIGHT in answer.reason):
                    return answer
                last = f"{answer.status} {answer.reason}"
                wait = max(wait, min(_seconds(response.headers.get("retry-after")), 10.0))
            if time.monotonic() + wait > give_up_at:
                raise NoAnswer(f"{method} {path.split('?')[0]}: {last}")
            self.retries += 1
            await asyncio.sleep(wait)
            pause = min(pause * 2, 3.0)


def _answer(response: httpx.Response) -> Answer:
    body: Any = None
    if "json" in response.headers.get("content-type", ""):
        try:
            body = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            body = None
    return Answer(response.status_code, body, response.headers.get("etag"))


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdecimal() else 0.0
