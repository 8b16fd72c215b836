"""The answer to a batch: it begins while the batch is still coming in, and waits for no reader."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import Final

import orjson
from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from services.intake.commands.batches import BatchCutOff
from shared.http import problem, status_of
from shared.http.problems import internal_problem
from shared.kernel.errors import Refusal

NDJSON: Final = "application/x-ndjson"
# Answers that nobody has read yet: so much of them in memory, the rest in a file.
KEPT: Final = 1 << 20
PIECE: Final = 1 << 16


async def chunks_of(request: Request) -> AsyncGenerator[bytes]:
    """The body as it comes, no more of it than was asked for. Raises BatchCutOff when the connection ends before it."""
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect:
        raise BatchCutOff("what had come since the last answer was not stored; send the batch again whole") from None


def refused(number: int, refusal: Refusal, address: str) -> bytes:
    """The answer of a line that is refused."""
    answer = {"line": number, "status": status_of(refusal), "problem": problem(refusal, address)}
    return orjson.dumps(answer, default=str, option=orjson.OPT_APPEND_NEWLINE)


def stopped(number: int, error: Exception, address: str) -> bytes:
    """The last answer of a batch that ended in its middle: neither this line nor any after it was stored."""
    told = problem(error, address) if isinstance(error, Refusal) else internal_problem(address)
    answer = {"line": number, "status": told["status"], "problem": told, "stopped": True}
    return orjson.dumps(answer, default=str, option=orjson.OPT_APPEND_NEWLINE)


async def answered(answers: AsyncIterator[bytes]) -> Response:
    """200, if there is a first answer. Raises what `answers` raises before it."""
    return _BatchAnswer(await anext(answers), answers)


class _BatchAnswer(Response):
    """Most clients send all they have before they read anything. Were the batch held up until they do, both would wait
    for ever: so answers wait for them, in a file. A batch has a limit, and so has what they come to.
    """

    media_type = NDJSON

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._first, self._rest = first, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with SpooledTemporaryFile(KEPT) as file:
            waiting = _Waiting(file)
            waiting.put(self._first)
            sending = asyncio.create_task(_send(waiting, send))
            try:
                async for answer in self._rest:
                    waiting.put(answer)
                waiting.end()
                await sending
            finally:
                sending.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Waiting:
    """Bytes that wait to be sent, first come first out."""

    def __init__(self, file: "SpooledTemporaryFile[bytes]") -> None:
        self._file = file
        self._taken = self._put = 0
        self._ended = False
        self._news = asyncio.Event()

    def put(self, answer: bytes) -> None:
        self._file.seek(self._put)
        self._put += self._file.write(answer)
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def take(self) -> bytes:
        """Some; none only at the end."""
        while self._taken == self._put and not self._ended:
            self._news.clear()
            await self._news.wait()
        self._file.seek(self._taken)
        piece = self._file.read(PIECE)
        self._taken += len(piece)
        if self._taken == self._put:  # room for those to come
            self._file.seek(0)
            self._file.truncate()
            self._taken = self._put = 0
        return piece


async def _send(waiting: _Waiting, send: Send) -> None:
    while piece := await waiting.take():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
