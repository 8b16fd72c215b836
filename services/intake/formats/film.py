"""MP4 and QuickTime, films and sound alike: what users and devices wrote about the recording (udta, meta, uuid) is
blanked where it stands; the place and the time are noted before.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from services.intake.domain.media import Spot
from services.intake.formats.boxes import FREE, boxes, free, next_head, number
from services.intake.formats.exif import spot_of
from services.intake.formats.flow import Flow, Walk
from services.intake.formats.notes import Notes, broken

_KEPT: Final = frozenset({b"ftyp", b"mdat", b"moof", b"mfra", b"sidx", b"styp", b"free", b"skip", b"wide", b"pdin"})
_PRIVATE: Final = frozenset({b"udta", b"meta", b"uuid"})
# Indexes of a film: some 20 bytes a frame. 20 MB of film have less than 200 KB of them; held in memory while looked at.
_MOST_INDEX: Final = 4 << 20
# ISO 6709, as telephones write it: +39.9042+116.4074+051.000/
_PLACE: Final = re.compile(rb"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)(?:[+-]\d+(?:\.\d+)?)?/")
_EPOCH: Final = datetime(1904, 1, 1, tzinfo=UTC)


def walk(flow: Flow, notes: Notes) -> Walk[None]:
    """Raises MediaBroken."""
    indexed = played = False
    while not (yield from flow.at_end()):
        head = yield from next_head(flow)
        if head.kind == b"moov" and head.size is not None:
            if head.size > _MOST_INDEX:
                raise broken(f"the index of the film takes {head.size:,} bytes")
            index = bytearray((yield from flow.take(head.size)))
            _clean(index, 0, len(index), notes)
            flow.emit(head.raw + index)
            indexed = True
        elif head.size is None:
            flow.emit(head.raw if head.kind == b"mdat" else head.freed())
            played = played or head.kind == b"mdat"
            if head.kind == b"mdat":
                yield from flow.copy_rest()
            else:
                yield from flow.drop_rest()
        else:
            kept = head.kind in _KEPT
            played = played or head.kind == b"mdat"
            flow.emit(head.raw if kept else head.freed())
            yield from flow.copy(head.size, blank=not kept)
    if not (indexed and played):
        raise broken("the film has no index, or nothing to play")


def _clean(index: bytearray, start: int, end: int, notes: Notes) -> None:
    for box in boxes(index, start, end):
        if box.kind in _PRIVATE:
            notes.spot = notes.spot or _spot(bytes(index[box.content : box.end]))
            free(index, box)
        elif box.kind == FREE:
            free(index, box)
        elif box.kind == b"trak":
            _clean(index, box.content, box.end, notes)
        elif box.kind == b"mvhd":
            wide = number(index, box.content, 1) == 1
            seconds = number(index, box.content + 4, 8 if wide else 4)
            if 0 < seconds < 1 << 33:
                notes.at = _EPOCH + timedelta(seconds=seconds)


def _spot(said: bytes) -> Spot | None:
    found = _PLACE.search(said)
    return spot_of(float(found[2]), float(found[1])) if found else None
