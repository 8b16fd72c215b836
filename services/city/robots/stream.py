"""Following the live stream: reconnects, resumes where it stopped, and says when it may have missed something."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from services.city.robots.door import Door

Fact = dict[str, Any]
"""The data of one CloudEvent, with its `type` added."""


async def follow(
    door: Door,
    who: str,
    area: str,
    types: tuple[str, ...],
    *,
    on_connect: Callable[[bool], None],
    on_refusal: Callable[[int], None],
) -> AsyncIterator[Fact]:
    """The facts of `types` below `area`, from now on and for ever.

    `on_connect(resumed)` is called at every connection; `resumed` is False when facts may have passed unseen.
    `on_refusal` gets the status of an answer that is no stream; the stream is asked for again all the same.
    """
    path = "/notify/v1/stream?" + urlencode({"area": area, "types": ",".join(types)})
    wanted = frozenset(types)
    last: str | None = None
    pause = 0.2
    while True:
        try:
            async with door.stream(path, who, last) as response:
                if response.status_code == 200:
                    on_connect(last is not None)
                    pause = 0.2
                    async for event, token_after, data in messages(response):
                        if event == "reset":
                            last = None
                            on_connect(False)
                            continue
                        last = token_after or last
                        if event == "cut_off":
                            break
                        if event in wanted:
                            yield orjson.loads(data)["data"] | {"type": event}
                else:
                    on_refusal(response.status_code)
        except httpx.TransportError:
            pass
        await asyncio.sleep(pause * random.uniform(0.7, 1.3))
        pause = min(pause * 2, 3.0)


async def messages(response: httpx.Response) -> AsyncIterator[tuple[str, str, bytes]]:
    """Server-sent events: name, id and data of each; comments are skipped."""
    rest, event, identity, data = b"", "message", "", b""
    async for chunk in response.aiter_bytes():
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            name, _, value = line.rstrip(b"\r").partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                data = data + b"\n" + value if data else value
            elif name == b"event":
                event = value.decode()
            elif name == b"id":
                identity = value.decode()
            elif not name and not value:
                if data or event != "message":
                    yield event, identity, data
                event, data = "message", b""
