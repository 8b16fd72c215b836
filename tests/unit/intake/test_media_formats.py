"""What passes of a file on its way to the store: the picture; and what does not: who, where, and with what."""

import io
import zipfile
import zlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from services.intake.domain.media import MediaBroken, MediaTooLarge, MediaTypeRefused, NoFile, Spot, TooManyPixels
from services.intake.formats.exif import offered, orientation_of, oriented
from services.intake.formats.sieve import Sieve, Sifted
from shared.kernel.errors import Refusal
from tests import pictures
from tests.pictures import LAT, LON, OWNER, PLACE, SERIAL, box, film, opened, picture, plain

ZONE = ZoneInfo("Asia/Shanghai")
MOST = 2_000_000
KINDS = ("JPEG", "PNG", "WEBP", "HEIF")
TAKEN_AT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)


def sift(content: bytes, step: int = 700) -> tuple[bytes, Sifted]:
    sieve = Sieve(MOST, ZONE)
    kept = b"".join(sieve.come(content[at : at + step]) for at in range(0, len(content), step)) + sieve.end()
    assert sieve.result.size == len(kept)
    return kept, sieve.result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [1, 13, 700, MOST])
def test_a_picture_keeps_what_it_shows_and_loses_what_it_says(kind: str, step: int) -> None:
    sent = picture(kind, (120, 90), orientation=1 if kind == "HEIF" else 6)
    assert OWNER.encode() in sent
    assert SERIAL.encode() in sent
    kept, found = sift(sent, step)
    assert OWNER.encode() not in kept
    assert SERIAL.encode() not in kept
    assert (found.width, found.height) == (120, 90)
    assert found.spot == Spot(LON, LAT)
    assert found.taken_at == TAKEN_AT
    before, after = opened(sent), opened(kept)
    assert after.tobytes() == before.tobytes()
    said = dict(after.getexif())
    assert said.keys() <= {0x0112}
    assert said.get(0x0112, 1) == (1 if kind == "HEIF" else 6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_says_nothing_stays_as_it_is(kind: str) -> None:
    sent = plain(kind)
    kept, found = sift(sent)
    assert opened(kept).tobytes() == opened(sent).tobytes()
    assert (found.spot, found.taken_at) == (None, None)
    assert sift(kept)[0] == kept


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_off_picture_is_refused(kind: str) -> None:
    sent = picture(kind)
    for left in (len(sent) - 1, len(sent) - 12, len(sent) // 2, 60):
        with pytest.raises((MediaBroken, MediaTypeRefused)):
            sift(sent[:left])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_follows_a_picture_is_cut_off(kind: str) -> None:
    sent = plain(kind)
    assert sift(sent + b"<html><script>alert(1)</script>" + bytes(5000))[0] == sift(sent)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_an_archive_as_well_is_refused(kind: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("run.exe", bytes(100))
        made.comment = b"a comment"
    with pytest.raises(MediaTypeRefused, match="archive"):
        sift(plain(kind) + archive.getvalue())


def test_a_comment_of_a_jpeg_does_not_pass() -> None:
    sent = plain("JPEG")
    script = b"<?php system($_GET['c']); ?>"
    kept, _ = sift(sent[:2] + b"\xff\xfe" + (len(script) + 2).to_bytes(2) + script + sent[2:])
    assert kept == sift(sent)[0]
    assert script not in kept


def test_text_and_unknown_chunks_of_a_png_do_not_pass() -> None:
    sent = plain("PNG")
    text = b"tEXtAuthor\0" + OWNER.encode()
    chunk = (len(text) - 4).to_bytes(4) + text + zlib.crc32(text).to_bytes(4)
    kept, _ = sift(sent[:33] + chunk + sent[33:])
    assert kept == sent


def test_a_colour_profile_passes() -> None:
    profile = bytes(range(200)) * 3
    kept, _ = sift(picture("JPEG", icc_profile=profile))
    assert opened(kept).info["icc_profile"] == profile


def test_a_second_picture_behind_the_first_is_cut_off() -> None:
    out = io.BytesIO()
    first, second = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    first.save(out, "MPO", save_all=True, append_images=[second], exif=pictures.exif())
    kept, found = sift(out.getvalue())
    assert len(kept) < len(out.getvalue()) / 1.5
    assert (found.media_type, opened(kept).format) == ("image/jpeg", "JPEG")


@pytest.mark.parametrize("index_last", [True, False])
@pytest.mark.parametrize(
    ("brand", "kind"), [(b"isom", "video/mp4"), (b"qt  ", "video/quicktime"), (b"M4A ", "audio/mp4")]
)
def test_a_film_keeps_its_length_and_loses_what_it_says(brand: bytes, kind: str, index_last: bool) -> None:
    sent = film(brand, index_last=index_last)
    kept, found = sift(sent)
    assert len(kept) == len(sent)
    assert not any(said in kept for said in (OWNER.encode(), SERIAL.encode(), PLACE[:-1]))
    assert (found.media_type, found.spot) == (kind, Spot(116.31, 39.9083))
    assert found.taken_at == datetime.fromtimestamp(1_795_395_723, UTC)


@pytest.mark.parametrize("left", [20, 100, -1, -40])
def test_a_cut_off_film_is_refused(left: int) -> None:
    with pytest.raises((MediaBroken, MediaTypeRefused)):
        sift(film()[:left])


def test_a_film_without_an_index_is_refused() -> None:
    with pytest.raises(MediaBroken, match="no index"):
        sift(box(b"ftyp", b"isom" + bytes(4) + b"mp42") + box(b"mdat", bytes(9000)))


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg onload='alert(1)'/>",
        b"GIF89a/*<html>*/=1;alert(1)" + bytes(100),
        b"<!DOCTYPE html><html>",
        b"%PDF-1.7 ",
        b"PK\x03\x04" + bytes(40),
        b"\x7fELF" + bytes(60),
        b"BM" + bytes(60),
        b"plain text",
        b"\0" * 50,
    ],
)
def test_what_is_no_picture_no_sound_and_no_film_is_refused(content: bytes) -> None:
    with pytest.raises(MediaTypeRefused):
        sift(content)


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(NoFile):
        sift(b"")
    with pytest.raises(MediaTooLarge):
        sift(pictures.MP3 + bytes(MOST))
    assert sift(pictures.MP3.ljust(MOST, b"\0"))[1].size == MOST


def test_a_picture_of_too_many_pixels_is_refused_by_its_header() -> None:
    header = b"IHDR" + (60_000).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4) + header + zlib.crc32(header).to_bytes(4)
    with pytest.raises(TooManyPixels) as refused:
        sift(bomb + bytes(10_000))
    assert refused.value.facts["limit_pixels"] == 50_000_000
    sent = plain("JPEG")
    at = sent.index(b"\xff\xc0")
    with pytest.raises(TooManyPixels):
        sift(sent[: at + 5] + b"\xff\xff\xff\xff" + sent[at + 9 :])


@pytest.mark.parametrize(
    ("place", "spot"),
    [
        ({1: "S", 2: (33.0, 51.0, 31.0), 3: "W", 4: (70.0, 0.0, 0.0)}, Spot(-70.0, -33.8586111)),
        ({1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}, None),
        ({1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}, None),
        ({1: "N", 2: (39.0,), 3: "E", 4: (116.0, 0.0, 0.0)}, None),
    ],
)
def test_a_place_is_offered_only_if_it_is_one(place: dict[int, object], spot: Spot | None) -> None:
    made = Image.Exif()
    gps = made.get_ifd(0x8825)
    gps.update(place)
    made[0x8825] = gps
    assert offered(made.tobytes()[6:], ZONE)[0] == spot


def test_a_time_with_an_offset_is_not_taken_for_a_local_one() -> None:
    made = Image.Exif()
    taken = made.get_ifd(0x8769)
    taken.update({0x9003: "2026:11:23 09:02:03", 0x9011: "-05:00"})
    made[0x8769] = taken
    assert offered(made.tobytes()[6:], ZONE)[1] == datetime(2026, 11, 23, 14, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_written_anew_as_it_was(orientation: int) -> None:
    assert orientation_of(oriented(pictures.exif(orientation)[6:])) == orientation


@given(st.binary(max_size=300))
def test_no_exif_however_damaged_stops_a_picture(tiff: bytes) -> None:
    offered(b"II*\0\x08\0\0\0" + tiff, ZONE)
    assert len(oriented(tiff)) == 26


@settings(max_examples=60)
@given(
    kind=st.sampled_from([*KINDS, "film"]),
    at=st.floats(0, 1, exclude_max=True),
    put=st.binary(min_size=1, max_size=40),
    left=st.floats(0, 1),
)
def test_a_damaged_file_is_kept_or_refused_and_nothing_else(kind: str, at: float, put: bytes, left: float) -> None:
    sent = film() if kind == "film" else picture(kind, (64, 48))
    place = int(at * len(sent))
    damaged = (sent[:place] + put + sent[place + len(put) :])[: max(int(left * len(sent)), 1)]
    try:
        kept, _ = sift(damaged, 97)
    except Refusal:
        return
    assert len(kept) <= len(damaged) + 40
