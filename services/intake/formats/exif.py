"""EXIF: the orientation, where and when a picture was taken, and a block that holds the orientation alone."""

import math
import warnings
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from PIL import Image

from services.intake.domain.media import Spot

_ORIENTATION, _EXIF, _GPS = 0x0112, 0x8769, 0x8825
_TAKEN_AT, _OFFSET = 0x9003, 0x9011
_LAT_REF, _LAT, _LON_REF, _LON, _GPS_TIME, _GPS_DATE = 1, 2, 3, 4, 7, 29


def oriented(tiff: bytes) -> bytes:
    """A TIFF block of 26 bytes with the orientation of `tiff` and nothing else."""
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes((orientation_of(tiff),)) + bytes(6)


def orientation_of(tiff: bytes) -> int:
    """1 (upright) to 8; 1 where none is given."""
    found = _read(tiff).get(_ORIENTATION)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def offered(tiff: bytes, zone: tzinfo) -> tuple[Spot | None, datetime | None]:
    """Where (WGS 84) and when the picture was taken, as far as `tiff` says; a time without an offset is of `zone`."""
    whole = _read(tiff)
    return _spot(_part(whole, _GPS)), _taken(_part(whole, _EXIF), _part(whole, _GPS), zone)


def _read(tiff: bytes) -> Any:
    exif = Image.Exif()
    try:
        with warnings.catch_warnings():  # it is a stranger's file: what is odd in it is no news
            warnings.simplefilter("ignore")
            exif.load(b"Exif\0\0" + tiff)
            return {tag: exif[tag] for tag in (_ORIENTATION, _EXIF, _GPS) if tag in exif} | {
                "parts": {tag: dict(exif.get_ifd(tag)) for tag in (_EXIF, _GPS) if tag in exif}
            }
    except Exception:
        # Not one kind of error: whatever a damaged block makes the reader raise, it says nothing of the picture.
        return {}


def _part(whole: Any, tag: int) -> Any:
    return whole.get("parts", {}).get(tag, {})


def _spot(gps: Any) -> Spot | None:
    try:
        lon, lat = _degrees(gps[_LON]), _degrees(gps[_LAT])
        lon = -lon if str(gps.get(_LON_REF, "E")).upper().startswith("W") else lon
        lat = -lat if str(gps.get(_LAT_REF, "N")).upper().startswith("S") else lat
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return spot_of(lon, lat)


def spot_of(lon: float, lat: float) -> Spot | None:
    """None for no place on earth, and for 0, 0, which devices write that do not know."""
    there = math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90
    return Spot(round(lon, 7), round(lat, 7)) if there and (lon, lat) != (0, 0) else None


def _degrees(parts: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60 + seconds / 3600


def _taken(exif: Any, gps: Any, zone: tzinfo) -> datetime | None:
    try:
        local = datetime.strptime(_text(exif[_TAKEN_AT]), "%Y:%m:%d %H:%M:%S")
        return local.replace(tzinfo=_offset(exif.get(_OFFSET)) or zone).astimezone(UTC)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        pass
    try:
        hours, minutes, seconds = (float(part) for part in gps[_GPS_TIME])
        day = datetime.strptime(_text(gps[_GPS_DATE]), "%Y:%m:%d").replace(tzinfo=UTC)
        return day + timedelta(hours=hours, minutes=minutes, seconds=int(seconds))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _offset(given: Any) -> timezone | None:
    text = _text(given) if given else ""
    if len(text) != 6 or text[0] not in "+-":
        return None
    ahead = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(ahead if text[0] == "+" else -ahead)


def _text(value: Any) -> str:
    text = value.decode("ascii") if isinstance(value, bytes) else str(value)
    return text.strip("\0 ")
