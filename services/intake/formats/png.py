"""PNG: the chunks that make the picture pass; text, EXIF, dates, animation and what follows the end do not."""

import zlib
from typing import Final

from services.intake.formats.exif import orientation_of, oriented
from services.intake.formats.flow import Flow, Walk
from services.intake.formats.notes import Notes, broken

_KEPT: Final = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"iCCP",
        b"sBIT",
        b"pHYs",
        b"bKGD",
        b"cICP",
    }
)
# An EXIF block is 64 KiB at the most where it comes from (JPEG); a larger one is not read.
_MOST_EXIF: Final = 1 << 16


def walk(flow: Flow, notes: Notes) -> Walk[None]:
    """Raises MediaBroken, TooManyPixels."""
    flow.emit((yield from flow.take(8)))
    painted = False
    while True:
        head = yield from flow.take(8)
        size, kind = int.from_bytes(head[:4]), head[4:]
        if size >= 1 << 31:
            raise broken("a chunk of the PNG has no possible length")
        if notes.width is None:
            if kind != b"IHDR" or size != 13:
                raise broken("the PNG does not begin with its header")
            body = yield from flow.take(17)
            notes.sized(int.from_bytes(body[:4]), int.from_bytes(body[4:8]))
            flow.emit(head + body)
        elif kind == b"eXIf" and size <= _MOST_EXIF:
            notes.exif = tiff = yield from flow.take(size)
            yield from flow.drop(4)
            if orientation_of(tiff) != 1:
                body = kind + oriented(tiff)
                flow.emit((len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4))
        elif kind in _KEPT:
            painted = painted or kind == b"IDAT"
            flow.emit(head)
            yield from flow.copy(size + 4)
        else:
            yield from flow.drop(size + 4)
        if kind == b"IEND":
            break
    if not painted:
        raise broken("the PNG has no picture in it")
    yield from flow.drop_rest()
