"""Files as telephones and cameras make them, for tests: with a place, a date, a serial number and an owner in them."""

import io
import struct
from typing import Any

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

OWNER, SERIAL = "Wang Xiaoming", "SN-4711-0815"
LON, LAT = 116.31, 39.9083333
PLACE = b"+39.9083+116.3100+052.000/"


def exif(orientation: int = 1, *, place: bool = True) -> bytes:
    made = Image.Exif()
    made[0x0112], made[0x013B], made[0x010F] = orientation, OWNER, "Telephone"
    taken = made.get_ifd(0x8769)
    taken.update({0x9003: "2026:11:23 09:02:03", 0xA431: SERIAL})
    made[0x8769] = taken
    if place:
        gps = made.get_ifd(0x8825)
        gps.update({1: "N", 2: (39.0, 54.0, 30.0), 3: "E", 4: (116.0, 18.0, 36.0)})
        made[0x8825] = gps
    return made.tobytes()


def picture(kind: str = "JPEG", size: tuple[int, int] = (400, 300), orientation: int = 1, **more: Any) -> bytes:
    """Pillow's name of the kind: JPEG, PNG, WEBP, HEIF."""
    out = io.BytesIO()
    drawn = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 100).convert("RGB")
    drawn.save(out, kind, exif=more.pop("exif", exif(orientation)), **more)
    return out.getvalue()


def plain(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    """A picture that says nothing but what it shows."""
    out = io.BytesIO()
    Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 100).convert("RGB").save(out, kind)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    found = Image.open(io.BytesIO(content))
    found.load()
    return found


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def film(brand: bytes = b"isom", *, place: bytes = PLACE, frames: int = 600, index_last: bool = True) -> bytes:
    """An MP4 as telephones write it: the place in moov/udta/©xyz (3GPP TS 26.244 has no other for it)."""
    named = box(b"\xa9xyz", struct.pack(">HH", len(place), 0x15C7) + place) + box(b"auth", OWNER.encode())
    clock = box(b"mvhd", struct.pack(">IIIII", 0, 2082844800 + 1_795_395_723, 0, 1000, 1000) + bytes(80))
    track = box(b"trak", box(b"tkhd", bytes(84)) + box(b"meta", SERIAL.encode()))
    index = box(b"moov", clock + track + box(b"udta", named))
    played = box(b"mdat", bytes(frames))
    start = box(b"ftyp", brand + bytes(4) + brand + (b"" if brand == b"qt  " else b"mp42"))
    note = box(b"uuid", bytes(16) + OWNER.encode())
    return start + (played + index if index_last else index + played) + note


JPEG, PNG, WEBP, HEIC = (plain(kind) for kind in ("JPEG", "PNG", "WEBP", "HEIF"))
MP4, MOV, M4A = film(), film(b"qt  "), film(b"M4A ")
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x00" + bytes(600)
AMR = b"#!AMR\n" + bytes(600)
WAV = b"RIFF\x00\x01\x00\x00WAVEfmt " + bytes(600)
