"""WebP: sizes stand at its front, so what is private is not left out but overwritten: EXIF by one that holds the
orientation alone, XMP by zeros.
"""

from typing import Final

from services.intake.formats.exif import oriented
from services.intake.formats.flow import Flow, Walk
from services.intake.formats.notes import Notes, broken

_PICTURE: Final = (b"VP8 ", b"VP8L", b"ANMF")
_KEPT: Final = frozenset({*_PICTURE, b"ALPH", b"ANIM", b"ICCP"})
_XMP_FLAG: Final = 0x04
_MOST_EXIF: Final = 1 << 20


def walk(flow: Flow, notes: Notes) -> Walk[None]:
    """Raises MediaBroken, TooManyPixels."""
    head = yield from flow.take(12)
    flow.emit(head)
    end = 8 + int.from_bytes(head[4:8], "little")
    painted = False
    while flow.at + 8 <= end:
        kind, size, padded = yield from _chunk(flow)
        if flow.at + size > end:
            raise broken("a chunk of the WebP is larger than the file says it is")
        length = size.to_bytes(4, "little")
        if kind == b"VP8X":
            body = yield from flow.take(padded)
            if len(body) < 10:
                raise broken("the WebP's header is too short")
            width, height = (int.from_bytes(body[n : n + 3], "little") + 1 for n in (4, 7))
            notes.sized(width, height)
            flow.emit(kind + length + bytes((body[0] & ~_XMP_FLAG,)) + body[1:])
        elif kind in _KEPT:
            painted = painted or kind in _PICTURE
            flow.emit(kind + length)
            if kind in (b"VP8 ", b"VP8L") and padded >= 10:
                start = yield from flow.take(10)
                notes.sized(*_size_of(kind, start))
                flow.emit(start)
                padded -= 10
            yield from flow.copy(padded)
        elif kind == b"EXIF" and size <= _MOST_EXIF:
            tiff = (yield from flow.take(padded)).removeprefix(b"Exif\0\0")
            notes.exif = tiff
            flow.emit(kind + length + oriented(tiff)[:padded].ljust(padded, b"\0"))
        else:
            flow.emit(b"JUNK" + length)
            yield from flow.copy(padded, blank=True)
    if not painted:
        raise broken("the WebP has no picture in it")
    if flow.at < end:
        yield from flow.copy(end - flow.at, blank=True)
    yield from flow.drop_rest()


def _chunk(flow: Flow) -> Walk[tuple[bytes, int, int]]:
    head = yield from flow.take(8)
    size = int.from_bytes(head[4:], "little")
    return head[:4], size, size + size % 2


def _size_of(kind: bytes, start: bytes) -> tuple[int, int]:
    if kind == b"VP8L":
        if start[0] != 0x2F:
            raise broken("the WebP's picture does not begin as one")
        bits = int.from_bytes(start[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if start[3:6] != b"\x9d\x01\x2a":
        raise broken("the WebP's picture does not begin as one")
    return int.from_bytes(start[6:8], "little") & 0x3FFF, int.from_bytes(start[8:10], "little") & 0x3FFF
