"""A file on its way to the store: what kind it is, how large, and what of it may be kept."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

import filetype  # type: ignore[import-untyped]

from services.intake.domain.media import TAKEN, MediaTooLarge, MediaTypeRefused, NoFile, Spot
from services.intake.formats import exif, film, heic, jpeg, png, webp
from services.intake.formats.flow import Flow, Walk
from services.intake.formats.notes import Notes

# Enough for every signature that is looked for.
_HEAD: Final = 8192
# An archive ends with a record of 22 bytes and a comment of up to 64 KiB (PKWARE APPNOTE, 4.3.16).
_TAIL: Final = 22 + 0xFFFF
_ARCHIVE_END: Final = b"PK\x05\x06"

_WALKS: Final[Mapping[str, Callable[[Flow, Notes], Walk[None]]]] = {
    "image/jpeg": jpeg.walk,
    "image/png": png.walk,
    "image/webp": webp.walk,
    "image/heic": heic.walk,
    "video/mp4": film.walk,
    "video/quicktime": film.walk,
    "audio/mp4": film.walk,
}
# What filetype calls differently from the registry of media types.
_USUAL: Final = {
    "audio/x-wav": "audio/wav",
    "audio/m4a": "audio/mp4",
    "video/x-m4v": "video/mp4",
    "image/heif": "image/heic",
}


class Sifted(NamedTuple):
    """`sha256` is that of the file as it was sent, `size` that of what is kept, in bytes."""

    media_type: str
    size: int
    sha256: bytes
    width: int | None
    height: int | None
    spot: Spot | None
    taken_at: datetime | None


class Sieve:
    """For one file of up to `most` bytes; `zone` is that of a camera's clock which does not name its own."""

    def __init__(self, most: int, zone: tzinfo) -> None:
        self._most = most
        self._zone = zone
        self._digest = hashlib.sha256()
        self._sent = 0
        self._size = 0
        self._head = b""
        self._tail = b""
        self._flow = Flow()
        self._notes: Notes | None = None
        self._walk: Walk[None] | None = None

    async def sift(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """What may be kept of `pieces`. Raises what `come` and `end` raise."""
        async for piece in pieces:
            if kept := self.come(piece):
                yield kept
        if kept := self.end():
            yield kept

    def come(self, data: bytes) -> bytes:
        """Raises MediaTooLarge, MediaTypeRefused, MediaBroken, TooManyPixels."""
        self._sent += len(data)
        if self._sent > self._most:
            raise MediaTooLarge(
                f"more than {self._most:,} bytes, which a file may have", facts={"limit_bytes": self._most}
            )
        self._digest.update(data)
        self._tail = (self._tail + data)[-_TAIL:]
        self._flow.come(data)
        if self._notes is None:
            self._head += data[: _HEAD - len(self._head)]
            if len(self._head) < _HEAD:
                return b""
        return self._go_on()

    def end(self) -> bytes:
        """What is left. Raises NoFile, and what `come` raises."""
        if self._sent == 0:
            raise NoFile("the file is empty")
        _no_archive(self._tail)
        self._flow.end()
        return self._go_on()

    @property
    def result(self) -> Sifted:
        """What is known once the file has ended."""
        assert self._notes is not None
        notes, spot, at = self._notes, self._notes.spot, self._notes.at
        if notes.exif is not None:
            spot, at = exif.offered(notes.exif, self._zone)
        return Sifted(
            notes.media_type, self._size, self._digest.digest(), notes.width, notes.height, spot, at
        )  # fmt: skip

    def _go_on(self) -> bytes:
        if self._notes is None:
            self._notes = Notes(_media_type(self._head))
            walk = _WALKS.get(self._notes.media_type)
            self._walk = self._flow.copy_rest() if walk is None else walk(self._flow, self._notes)
        if self._walk is not None:
            try:
                next(self._walk)
            except StopIteration:
                self._walk = None
        kept = self._flow.gone_on()
        self._size += len(kept)
        return kept


def _media_type(head: bytes) -> str:
    found = filetype.guess(head)
    media_type: str | None = None if found is None else _USUAL.get(found.mime, found.mime)
    if media_type is None or media_type not in TAKEN:
        known = "not recognised" if media_type is None else media_type
        raise MediaTypeRefused(
            f"by its content the file is {known}; taken are {', '.join(sorted(TAKEN))}", facts={"found": media_type}
        )
    return media_type


def _no_archive(tail: bytes) -> None:
    """Raise MediaTypeRefused for a file that is an archive as well: one that opens from its end."""
    at = tail.rfind(_ARCHIVE_END)
    while at >= 0:
        if len(tail) - at >= 22 and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
            raise MediaTypeRefused(
                "the file is an archive (ZIP) as well as what it begins with; send the picture alone",
                facts={"found": "application/zip"},
            )
        at = tail.rfind(_ARCHIVE_END, 0, at)
