"""JPEG: the picture and its colour profile pass; EXIF, XMP, comments, other makers' segments and what follows the
picture's end (second pictures, films, archives) do not. An orientation that is not upright is written anew.
"""

import re
from typing import Final

from services.intake.formats.exif import orientation_of, oriented
from services.intake.formats.flow import Flow, Walk
from services.intake.formats.notes import Notes, broken

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_EXIF: Final = b"Exif\0\0"
_PROFILE: Final = b"ICC_PROFILE\0"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
# In a scan FF 00 stands for the byte FF, and FF D0 to FF D7 restart it; any other marker ends it.
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


def walk(flow: Flow, notes: Notes) -> Walk[None]:
    """Raises MediaBroken, TooManyPixels."""
    flow.emit((yield from flow.take(2)))
    scanned = False
    while True:
        marker = yield from _marker(flow)
        if marker == _END:
            break
        if marker in _ALONE:
            continue
        size = int.from_bytes((yield from flow.take(2)))
        if size < 2:
            raise broken("a segment of the JPEG has no length")
        body = yield from flow.take(size - 2)
        if marker in _FRAMES and len(body) >= 6:
            notes.sized(int.from_bytes(body[3:5]), int.from_bytes(body[1:3]))
        kept = _kept(marker, body, notes)
        if kept is not None:
            flow.emit(bytes((0xFF, marker)) + (len(kept) + 2).to_bytes(2) + kept)
        if marker == _SCAN:
            scanned = True
            yield from _scan(flow)
    if not scanned or notes.width is None:
        raise broken("the JPEG has no picture in it")
    flow.emit(bytes((0xFF, _END)))
    yield from flow.drop_rest()


def _marker(flow: Flow) -> Walk[int]:
    if (yield from flow.take(1)) != b"\xff":
        raise broken("the JPEG's segments do not follow one another")
    while (code := (yield from flow.take(1))[0]) == 0xFF:
        pass
    return code


def _kept(marker: int, body: bytes, notes: Notes) -> bytes | None:
    """The segment's body as it goes on; None: it does not."""
    if marker == 0xE1 and body.startswith(_EXIF):
        tiff = body[len(_EXIF) :]
        if notes.exif is not None:
            return None
        notes.exif = tiff
        return None if orientation_of(tiff) == 1 else _EXIF + oriented(tiff)
    if marker == 0xE0:
        return body[:14] if body.startswith(b"JFIF\0") and len(body) >= 14 else None
    if marker == 0xE2:
        return body if body.startswith(_PROFILE) else None
    if marker == 0xEE:
        return body[:12] if body.startswith(b"Adobe") else None
    if 0xE0 <= marker <= 0xEF or marker == 0xFE:
        return None
    return body


def _scan(flow: Flow) -> Walk[None]:
    """Let the coded picture pass, up to the next marker."""
    while True:
        held = flow.held()
        if found := _MARKER.search(held):
            yield from flow.copy(found.start())
            return
        # The last byte may be the first half of a marker.
        yield from flow.copy(max(len(held) - 1, 0))
        yield from flow.more()
