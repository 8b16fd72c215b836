"""A client of the stream that reads it line by line, as the specification of server-sent events says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import orjson


class Message(NamedTuple):
    id: str
    event: str
    data: Any

    @property
    def subject(self) -> str:
        return str(self.data["subject"])


class Heard:
    """What an open stream brings."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.comments: list[str] = []
        self._lines = answer.aiter_lines()
        self._messages = self._read()

    async def opening(self) -> None:
        """The first comment: from here on nothing is missed."""
        async with asyncio.timeout(5):
            self.comments.append(await anext(self._lines))

    async def next(self, seconds: float = 5) -> Message:
        async with asyncio.timeout(seconds):
            return await anext(self._messages)

    async def take(self, count: int, seconds: float = 10) -> list[Message]:
        async with asyncio.timeout(seconds):
            return [await anext(self._messages) for _ in range(count)]

    async def nothing(self, seconds: float = 0.3) -> bool:
        """True when nothing came for so long. The stream cannot be read further afterwards."""
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False

    async def rest(self, seconds: float = 10) -> list[Message]:
        """Everything up to the end of the stream."""
        async with asyncio.timeout(seconds):
            return [message async for message in self._messages]

    async def _read(self) -> AsyncIterator[Message]:
        field: dict[str, str] = {}
        async for line in self._lines:
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                field[name] = value
            elif "data" in field:
                yield Message(field.get("id", ""), field.get("event", ""), orjson.loads(field["data"]))
                field = {}
