"""HEIC: EXIF and XMP are items of their own, somewhere in the file; they are overwritten where they lie. How the
picture is to be turned stands in its properties, not in EXIF.
"""

from typing import Final, NamedTuple

from services.intake.formats.boxes import Box, boxes, next_head, number
from services.intake.formats.exif import oriented
from services.intake.formats.flow import Flow, Walk
from services.intake.formats.notes import Notes, broken

_KEPT: Final = frozenset({b"ftyp", b"mdat", b"free", b"skip", b"wide"})
_PRIVATE: Final = frozenset({b"Exif", b"mime", b"uri "})
_MOST_META: Final = 4 << 20
_MOST_ITEM: Final = 1 << 20
_UPRIGHT: Final = bytes(4) + oriented(b"")


class _Extent(NamedTuple):
    """A part of an item: where it begins, in the file or in the box idat."""

    start: int
    size: int
    kind: bytes


def walk(flow: Flow, notes: Notes) -> Walk[None]:
    """Raises MediaBroken, TooManyPixels."""
    private: list[_Extent] | None = None
    while not (yield from flow.at_end()):
        head = yield from next_head(flow)
        if head.kind == b"meta" and head.size is not None and private is None:
            if head.size > _MOST_META:
                raise broken(f"the description of the HEIC takes {head.size:,} bytes")
            meta = bytearray((yield from flow.take(head.size)))
            private = _described(meta, notes)
            if private and private[0].start < flow.at:
                raise broken("the HEIC keeps what is private of it before its description")
            flow.emit(head.raw + meta)
        elif head.size is None or head.kind not in _KEPT:
            flow.emit(head.freed())
            if head.size is None:
                raise broken("the last box of the HEIC has no length")
            yield from flow.copy(head.size, blank=True)
        else:
            if head.kind == b"mdat" and private is None:
                raise broken("the description of the HEIC does not come before its pictures")
            flow.emit(head.raw)
            yield from _over(flow, flow.at + head.size, private or [], notes)
    if private is None or notes.width is None:
        raise broken("the HEIC has no picture in it")


def _over(flow: Flow, end: int, private: list[_Extent], notes: Notes) -> Walk[None]:
    while private and private[0].start < end:
        extent = private.pop(0)
        if extent.start < flow.at or extent.start + extent.size > end:
            raise broken("an item of the HEIC lies across another")
        yield from flow.copy(extent.start - flow.at)
        flow.emit(_overwritten((yield from flow.take(extent.size)), extent.kind, notes))
    yield from flow.copy(end - flow.at)


def _overwritten(item: bytes, kind: bytes, notes: Notes) -> bytes:
    if kind != b"Exif" or len(item) < len(_UPRIGHT):
        return bytes(len(item))
    if notes.exif is None:
        notes.exif = item[4 + int.from_bytes(item[:4]) :].removeprefix(b"Exif\0\0")
    return _UPRIGHT.ljust(len(item), b"\0")


def _described(meta: bytearray, notes: Notes) -> list[_Extent]:
    """Private items outside of `meta`, in their order; those inside of it are overwritten here."""
    found = {box.kind: box for box in boxes(meta, 4, len(meta))}
    if b"iinf" not in found or b"iloc" not in found:
        raise broken("the description of the HEIC names no picture")
    for properties in _inside(meta, found.get(b"iprp"), b"ipco"):
        for box in boxes(meta, properties.content, properties.end):
            if box.kind == b"ispe":
                notes.sized(number(meta, box.content + 4, 4), number(meta, box.content + 8, 4))
    kinds = _kinds(meta, found[b"iinf"])
    outside = []
    for item, within, extent in _extents(meta, found[b"iloc"]):
        kind = kinds.get(item, b"")
        if kind not in _PRIVATE:
            continue
        if not 0 < extent.size <= _MOST_ITEM or within > 1:
            raise broken("what is private of the HEIC has no possible place")
        if within == 0:
            outside.append(extent._replace(kind=kind))
            continue
        data = found.get(b"idat")
        if data is None or data.content + extent.start + extent.size > data.end:
            raise broken("an item of the HEIC lies outside of its box")
        start = data.content + extent.start
        part = slice(start, start + extent.size)
        meta[part] = _overwritten(bytes(meta[part]), kind, notes)
    return sorted(outside)


def _inside(meta: bytearray, around: Box | None, kind: bytes) -> list[Box]:
    return [] if around is None else [box for box in boxes(meta, around.content, around.end) if box.kind == kind]


def _kinds(meta: bytearray, iinf: Box) -> dict[int, bytes]:
    """Item → its type."""
    entries = iinf.content + (6 if number(meta, iinf.content, 1) == 0 else 8)
    kinds = {}
    for box in boxes(meta, entries, iinf.end):
        version = number(meta, box.content, 1)
        if box.kind == b"infe" and version >= 2:
            wide = 2 if version == 2 else 4
            kind = box.content + 4 + wide + 2
            kinds[number(meta, box.content + 4, wide)] = bytes(meta[kind : kind + 4])
    return kinds


def _extents(meta: bytearray, iloc: Box) -> list[tuple[int, int, _Extent]]:
    """(item, construction method, extent) of all items (ISO/IEC 14496-12, clause 8.11.3)."""
    at = iloc.content
    version = number(meta, at, 1)
    sizes = number(meta, at + 4, 2)
    offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    wide = 2 if version < 2 else 4
    at += 6

    def read(size: int) -> int:
        nonlocal at
        at += size
        if at > iloc.end:
            raise broken("the places of the HEIC's items do not fit in their box")
        return number(meta, at - size, size)

    found = []
    for _ in range(read(wide)):
        item = read(wide)
        within = read(2) & 15 if version else 0
        read(2)
        base = read(base_size)
        for _ in range(read(2)):
            if version:
                read(index_size)
            start, size = read(offset_size), read(length_size)
            found.append((item, within, _Extent(base + start, size, b"")))
    return found
