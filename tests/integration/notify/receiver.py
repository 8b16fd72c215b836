"""A webhook's receiver: a real HTTP server that keeps what it was sent and answers as it is told."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return orjson.loads(self.body)

    @property
    def subject(self) -> str:
        return str(self.event["subject"])

    @property
    def sequence(self) -> int:
        return int(self.event["sequence"])


@dataclass
class Receiver:
    """`answers` gives the status for each request; `taken` are those answered 2xx, `asked` all."""

    url: str = ""
    answers: Callable[[Received], int] = lambda _: 204
    asked: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    slow: float = 0.0
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        received = Received({k.decode(): v.decode() for k, v in scope["headers"]}, body)
        self.asked.append(received)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.slow:
            await asyncio.sleep(self.slow)
        self.at_once -= 1
        status = self.answers(received)
        if 200 <= status < 300:
            self.taken.append(received)
        await send({"type": "http.response.start", "status": status, "headers": [(b"location", b"/elsewhere")]})
        await send({"type": "http.response.body", "body": b"thank you"})

    async def until(self, count: int, seconds: float = 10) -> None:
        """Until `count` requests were taken."""
        async with asyncio.timeout(seconds):
            while len(self.taken) < count:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(("127.0.0.1", port))
    receiver.url = f"http://127.0.0.1:{door.getsockname()[1]}/hook"
    server = uvicorn.Server(uvicorn.Config(receiver, log_config=None, access_log=False, lifespan="off", ws="none"))
    serving = asyncio.create_task(server._serve([door]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield receiver
    finally:
        server.should_exit = True
        await serving
