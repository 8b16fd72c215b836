"""Batches: NDJSON that is read as it comes, stored part by part and answered as it is stored, in constant memory.

A part has so many lines or 4 MiB, whichever is first: where it begins is said by the batch alone, not by how it
arrived, so that a batch which is sent again has the same parts. At any time one part is being stored and one is read.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

import structlog

from shared.kernel.errors import Invalid, Malformed, Refusal, TooLarge, Unavailable
from shared.postgres import is_outage

log = structlog.get_logger()

# A thousand lines of a kilobyte are a quarter of it; lines of 1 MiB come four in a part.
PART_BYTES: Final = 4 << 20
# What of a batch is looked at before any of it is stored, so that one with too many lines is refused whole if it is no
# longer than this; for a sender who pauses nobody waits.
LOOK_BYTES: Final = 1 << 20
PAUSE_SECONDS: Final = 0.1

P = TypeVar("P")
# Its number, counted from 1 with the blank ones, and its text, or why it cannot be read.
Line: TypeAlias = tuple[int, bytes | Refusal]


class LineTooLong(TooLarge):
    slug, title, title_zh = "line-too-long", "A line is too long", "单行内容过长"


class BatchCutOff(Malformed):
    slug, title, title_zh = "batch-cut-off", "The connection ended before the batch did", "批量传输中断"


class Shape(NamedTuple):
    """What a batch may be, in lines, lines of a part, and bytes of a line; how one that is none is refused."""

    most_lines: int
    part_lines: int
    line_bytes: int
    too_many: type[TooLarge]
    empty: type[Invalid]
    as_for: str


class Part(NamedTuple):
    """Lines that are stored together. `digest` is of the whole batch up to their end."""

    lines: list[Line]
    digest: bytes


class Work(NamedTuple, Generic[P]):
    """What is done with a part: `prepare` reads it, `store` stores the n-th (from 0) durably and renders its answers;
    `refused` and `stopped` render the answer of lines that were not stored, and of the one at which the batch ended.
    """

    prepare: Callable[[Part], Awaitable[P]]
    store: Callable[[int, Part, P], Awaitable[bytes]]
    refused: Callable[[Sequence[int], Refusal], bytes]
    stopped: Callable[[int, Exception], bytes]


class Splitter:
    """Bytes as they come → parts. `over` is the number of the first line too many; nothing after it is looked at."""

    def __init__(self, shape: Shape) -> None:
        self.over: int | None = None
        self.number = 0
        self._shape = shape
        self._digest = hashlib.sha256()
        self._rest = b""
        self._long: hashlib._Hash | None = None  # what of a line too long is known: nothing else of it is kept
        self._lines: list[Line] = []
        self._texts: list[bytes] = []
        self._room = PART_BYTES
        self._left = shape.most_lines

    def feed(self, chunk: bytes) -> list[Part]:
        """The parts that `chunk` completes."""
        *whole, rest = (self._rest + chunk).split(b"\n")
        parts = [part for text in whole if (part := self._take(text)) is not None]
        if len(rest) > self._shape.line_bytes or self._long is not None:
            self._long = self._long or hashlib.sha256()
            self._long.update(rest)
            rest = b""
        self._rest = rest
        return parts

    def end(self) -> Part | None:
        """The lines that are left, of which the last has ended."""
        return self._part() if self._lines else None

    def _take(self, text: bytes) -> Part | None:
        self.number += 1
        line: bytes | Refusal = text
        if self._long is not None or len(text) > self._shape.line_bytes:
            known = self._long or hashlib.sha256()
            known.update(text)
            self._long, text = None, known.digest()
            most = self._shape.line_bytes
            line = LineTooLong(f"a line may have {most:,} bytes at the most", facts={"limit_bytes": most})
        self._texts.append(text)
        if self.over is not None or not text.strip():
            return None
        if not self._left:
            self.over = self.number
            return None
        self._left -= 1
        self._lines.append((self.number, line))
        self._room -= len(text)
        return self._part() if self._room <= 0 or len(self._lines) >= self._shape.part_lines else None

    def _part(self) -> Part:
        self._digest.update(b"\n".join(self._texts) + b"\n")
        part = Part(self._lines, self._digest.digest())
        self._lines, self._texts, self._room = [], [], PART_BYTES
        return part


async def read_parts(chunks: AsyncGenerator[bytes], shape: Shape) -> AsyncIterator[Part]:
    """The parts of a batch, none read before it is asked for. Raises what `chunks` does, and what `shape` has for a
    batch with no line or too many: before any part, where it could look at all of it.
    """
    splitter = Splitter(shape)
    looking, found = True, False
    async for several in _looked_at(chunks):
        parts = [part for chunk in several for part in splitter.feed(chunk)]
        if splitter.over is not None:
            if looking:
                break
            parts += [part] if (part := splitter.end()) is not None else []
        looking = False
        for part in parts:
            found = True
            yield part
        if splitter.over is not None:
            break
    if splitter.over is not None:
        words = (
            f"line {splitter.over:,} is one too many: a batch may have {shape.most_lines:,}; send the rest as others"
        )
        raise shape.too_many(words, facts={"limit_lines": shape.most_lines})
    if (part := splitter.end()) is not None:
        yield part
    elif not found:
        raise shape.empty(f"send one a line, as for POST {shape.as_for}")


async def _looked_at(chunks: AsyncGenerator[bytes]) -> AsyncIterator[list[bytes]]:
    """What comes before the sender pauses, as far as it is looked at; then one chunk after the other. The last line is
    given an end like the others'.
    """
    look: list[bytes] = []
    coming = asyncio.ensure_future(_next(chunks))
    try:
        while sum(map(len, look)) < LOOK_BYTES and (await asyncio.wait({coming}, timeout=PAUSE_SECONDS))[0]:
            chunk = await coming
            look.append(chunk or b"\n")
            if not chunk:
                yield look
                return
            coming = asyncio.ensure_future(_next(chunks))
        yield look
        yield [await coming]
    finally:
        coming.cancel()
    async for chunk in chunks:
        yield [chunk]
    yield [b"\n"]


async def _next(chunks: AsyncGenerator[bytes]) -> bytes:
    async for chunk in chunks:
        return chunk
    return b""


async def in_parts(parts: AsyncIterator[Part], work: Work[P]) -> AsyncIterator[bytes]:
    """The rendered answers, part by part, each once it is durable; the next part is read and prepared meanwhile.

    Until the first part is stored, a refusal of the whole batch or an outage is raised. After it, an outage becomes the
    answer of each line that is left, and anything else that of one more line, which is the last.
    """
    n, answered = 0, 0
    late: Unavailable | None = None
    ahead = asyncio.ensure_future(_ahead(parts, work.prepare))
    try:
        while (ready := await ahead) is not None:
            ahead = asyncio.ensure_future(_ahead(parts, work.prepare if late is None else None))
            answer, numbers = b"", [number for number, _ in ready.part.lines]
            try:
                if late is None:
                    answer = await _stored(work, n, ready)
            except Exception as error:
                if n == 0 or not (is_outage(error) or isinstance(error, Unavailable)):
                    raise
                late = Unavailable("the database cannot be reached; this line was not stored", facts={"retry_after": 2})
            yield answer if late is None else work.refused(numbers, late)
            n, answered = n + 1, numbers[-1]
    except Exception as error:
        if n == 0:
            raise
        if not isinstance(error, Refusal):
            log.error("a batch ended in the middle", line=answered + 1, exc_info=error)
        yield work.stopped(answered + 1, error)
    finally:
        if not ahead.cancel() and not ahead.cancelled():
            ahead.exception()  # looked at, or asyncio would complain that nobody did


class _Ready(NamedTuple, Generic[P]):
    """A part that was read, and prepared as far as it could be."""

    part: Part
    prepared: P | None
    error: Exception | None = None


async def _ahead(parts: AsyncIterator[Part], prepare: Callable[[Part], Awaitable[P]] | None) -> _Ready[P] | None:
    part = await anext(parts, None)
    if part is None:
        return None
    try:
        return _Ready(part, None if prepare is None else await prepare(part))
    except Exception as error:  # it is this part's, and comes up when its turn has come
        return _Ready(part, None, error)


async def _stored(work: Work[P], n: int, ready: _Ready[P]) -> bytes:
    if ready.error is not None:
        raise ready.error
    assert ready.prepared is not None
    return await work.store(n, ready.part, ready.prepared)
