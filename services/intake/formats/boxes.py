"""Boxes: what MP4, QuickTime and HEIC files are made of (ISO/IEC 14496-12, clause 4.2)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from services.intake.formats.flow import Flow, Walk
from services.intake.formats.notes import broken

FREE: Final = b"free"
"""A box that readers step over. Sizes and offsets stand all over these files, so a private box becomes one of these."""


class Box(NamedTuple):
    """Where a box begins, where its content does, and where both end."""

    kind: bytes
    start: int
    content: int
    end: int


class Head(NamedTuple):
    """The head of a box that is still to come; `size` is that of its content, None: to the end of the file."""

    kind: bytes
    size: int | None
    raw: bytes

    def freed(self) -> bytes:
        return self.raw[:4] + FREE + self.raw[8:]


def next_head(flow: Flow) -> Walk[Head]:
    raw = yield from flow.take(8)
    size, kind = int.from_bytes(raw[:4]), raw[4:]
    if size == 0:
        return Head(kind, None, raw)
    if size == 1:
        raw += yield from flow.take(8)
        size = int.from_bytes(raw[8:])
    if size < len(raw):
        raise broken(f"the box {kind!r} has no possible length")
    return Head(kind, size - len(raw), raw)


def boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places of `data`. Raises MediaBroken."""
    while end - start >= 8:
        size, kind, content = int.from_bytes(data[start : start + 4]), bytes(data[start + 4 : start + 8]), start + 8
        if size == 0:
            size = end - start
        elif size == 1:
            size, content = number(data, content, 8), content + 8
        if size < content - start or start + size > end:
            raise broken(f"the box {kind!r} is larger than the one around it")
        yield Box(kind, start, content, start + size)
        start += size


def number(data: bytes | bytearray, at: int, size: int) -> int:
    """An unsigned number of `size` bytes. Raises MediaBroken where there is none."""
    if at + size > len(data):
        raise broken("a box ends before its content")
    return int.from_bytes(data[at : at + size])


def free(data: bytearray, box: Box) -> None:
    """Make of a box one that says nothing."""
    data[box.start + 4 : box.start + 8] = FREE
    data[box.content : box.end] = bytes(box.end - box.content)
