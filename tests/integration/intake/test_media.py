"""Files: looked at, kept, given back to those who may see them."""

import asyncio
import gzip
import zlib
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.integration.intake.conftest import Place
from tests.pictures import AMR, HEIC, JPEG, M4A, MOV, MP3, MP4, OWNER, PNG, WAV, WEBP, film, opened, picture


async def upload(
    intake: Place, content: bytes, name: str = "a.jpg", headers: dict[str, str] | None = None
) -> httpx.Response:
    files = {"file": (name, content, "image/jpeg")}
    return await intake.http.post("/intake/v1/media", files=files, headers=headers or intake.app)


def stored_files(intake: Place) -> set[str]:
    return {path.name for path in (intake.wired.settings.data_dir / "media").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (JPEG, "image/jpeg"), (PNG, "image/png"), (WEBP, "image/webp"), (HEIC, "image/heic"),
        (MP3, "audio/mpeg"), (AMR, "audio/amr"), (WAV, "audio/wav"),
    ],
)  # fmt: skip
async def test_the_type_is_what_the_content_shows(intake: Place, content: bytes, media_type: str) -> None:
    answer = await upload(intake, content)
    assert answer.status_code == 201, answer.text
    taken = answer.json()
    assert (taken["media_type"], taken["bytes"]) == (media_type, len(content))
    seen = await intake.http.get(f"/intake/v1/media/{taken['id']}", headers=intake.staff("acceptor"))
    assert (seen.status_code, seen.content, seen.headers["content-type"]) == (200, content, media_type)
    assert seen.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("content", "media_type"), [(MP4, "video/mp4"), (MOV, "video/quicktime"), (M4A, "audio/mp4")])
async def test_films_say_where_to_their_sender_and_to_nobody_else(
    intake: Place, content: bytes, media_type: str
) -> None:
    taken = (await upload(intake, content)).json()
    assert (taken["media_type"], taken["bytes"]) == (media_type, len(content))
    assert taken["offered_location"] == {"lon": 116.31, "lat": 39.9083, "datum": "wgs84"}
    seen = await intake.http.get(f"/intake/v1/media/{taken['id']}", headers=intake.app)
    assert OWNER.encode() not in seen.content


async def test_a_photograph_offers_its_place_and_is_kept_without_it(intake: Place) -> None:
    answer = await upload(intake, picture(orientation=6))
    taken = answer.json()
    assert taken["offered_location"] == {"lon": 116.31, "lat": 39.9083333, "datum": "wgs84"}
    assert (taken["taken_at"], taken["width"], taken["height"]) == ("2026-11-23T01:02:03Z", 400, 300)
    seen = await intake.http.get(f"/intake/v1/media/{taken['id']}", headers=intake.staff("acceptor"))
    assert dict(opened(seen.content).getexif()) == {0x0112: 6}
    stored = [
        path for path in (intake.wired.settings.data_dir / "media").iterdir() if path.name.startswith(taken["id"])
    ]
    assert [path.read_bytes() for path in stored] == [seen.content]


async def test_a_file_may_come_bare(intake: Place) -> None:
    headers = {**intake.app, "Content-Type": "image/png"}
    answer = await intake.http.post("/intake/v1/media", content=PNG, headers=headers)
    assert (answer.status_code, answer.json()["media_type"]) == (201, "image/png")


@pytest.mark.parametrize("content", [b"<html><script>", b"%PDF-1.7 ", b"GIF89a" + bytes(50), b"plain", b"PK\x03\x04"])
async def test_another_type_is_refused_whatever_it_calls_itself(intake: Place, content: bytes) -> None:
    answer = await upload(intake, content, "photo.jpg")
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/media-type-refused")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\x.png", "/etc/cron.d/x", "a\x00.png", "%2e%2e%2fx", "图.png"]
)
async def test_a_name_leads_nowhere(intake: Place, name: str) -> None:
    before = stored_files(intake)
    answer = await upload(intake, PNG, name)
    assert answer.status_code == 201
    (new,) = stored_files(intake) - before
    assert new.startswith(answer.json()["id"])


@pytest.mark.parametrize("content", [JPEG[:-20], PNG[:-4], MP4[:-9], HEIC[: len(HEIC) // 2]])
async def test_a_cut_off_file_is_refused_and_leaves_nothing(intake: Place, content: bytes) -> None:
    before = stored_files(intake)
    answer = await upload(intake, content)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/media-broken")
    assert stored_files(intake) == before


async def test_a_file_sent_again_with_its_idempotency_key_is_stored_once(intake: Place) -> None:
    headers = {**intake.app, "Idempotency-Key": str(uuid4())}
    before = stored_files(intake)
    answers = [*await asyncio.gather(*[upload(intake, PNG, headers=headers) for _ in range(4)])]
    answers.append(await upload(intake, PNG, "renamed.png", headers))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(stored_files(intake) - before) == 1
    assert (
        await intake.wired.pool.fetchval(
            "SELECT count(*) FROM intake.idempotency WHERE key = $1", headers["Idempotency-Key"]
        )
        == 1
    )
    other = await upload(intake, JPEG, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_the_last_byte_that_may_come_does_and_the_next_is_refused(intake: Place) -> None:
    assert (await upload(intake, MP3.ljust(100_000, b"\0"))).status_code == 201
    before = stored_files(intake)
    for size in (100_001, 200_000):
        answer = await upload(intake, MP3.ljust(size, b"\0"))
        assert answer.status_code == 413
    assert stored_files(intake) == before


async def test_no_file_and_an_empty_one_are_refused(intake: Place) -> None:
    answer = await intake.http.post("/intake/v1/media", data={"x": "y"}, headers=intake.app)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file")
    answer = await intake.http.post("/intake/v1/media", files={"x": ("a", PNG)}, headers=intake.app)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file")
    assert (await upload(intake, b"")).status_code == 422


async def test_two_files_in_one_form_are_refused(intake: Place) -> None:
    before = stored_files(intake)
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG))]
    answer = await intake.http.post("/intake/v1/media", files=files, headers=intake.app)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/several-files")
    assert stored_files(intake) == before


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n" + PNG, "upload-cut-off"),
        (b"--other\r\n\r\n", "bad-form"),
        (b"", "no-file"),
        (b"--b\r\n" + b"X: y\r\n" * 5000 + b"\r\n", "bad-form"),
    ],
)
async def test_a_form_that_is_none_is_refused(intake: Place, body: bytes, slug: str) -> None:
    headers = {**intake.app, "Content-Type": "multipart/form-data; boundary=b"}
    answer = await intake.http.post("/intake/v1/media", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.json()["type"] == f"/problems/{slug}"
    no_boundary = {**intake.app, "Content-Type": "multipart/form-data"}
    answer = await intake.http.post("/intake/v1/media", content=body, headers=no_boundary)
    assert 400 <= answer.status_code < 500


async def test_an_upload_that_breaks_off_leaves_nothing(intake: Place) -> None:
    before = stored_files(intake)
    sent = [{"type": "http.request", "body": JPEG[:300], "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return sent.pop(0) if sent else {"type": "http.disconnect"}

    answered: list[Any] = []

    async def send(message: Any) -> None:
        answered.append(message)

    headers = [(b"content-type", b"image/jpeg"), (b"authorization", intake.app["Authorization"].encode())]
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/media", "raw_path": b"/v1/media",
        "query_string": b"", "root_path": "", "scheme": "http", "server": ("intake.test", 80), "client": ("::1", 1),
        "headers": headers,
    }  # fmt: skip
    await intake.asgi(scope, receive, send)
    assert answered[0]["status"] == 400
    assert b"upload-cut-off" in answered[1]["body"]
    assert stored_files(intake) == before


async def test_it_is_given_to_staff_and_to_its_sender_only(intake: Place) -> None:
    media = (await upload(intake, JPEG)).json()["id"]
    for path in (
        f"/intake/v1/media/{media}",
        f"/intake/v1/media/{media}/thumbnails/small",
        f"/intake/v1/media/{media}/links",
    ):
        assert (await intake.http.get(path, headers=intake.app)).status_code == 200
        assert (await intake.http.get(path, headers=await intake.key())).status_code == 404
        assert (await intake.http.get(path, headers=intake.staff("subscriber"))).status_code == 404
        assert (await intake.http.get(path)).status_code == 401
    assert (await intake.http.get(f"/intake/v1/media/{uuid4()}", headers=intake.app)).status_code == 404


async def test_who_may_not_upload_leaves_no_file(intake: Place) -> None:
    before = stored_files(intake)
    assert (await upload(intake, JPEG, headers=intake.staff("auditor"))).status_code == 403
    assert (await upload(intake, JPEG, headers={"Authorization": "Bearer x"})).status_code == 401
    assert stored_files(intake) == before


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)), ("bytes=100-", 206, slice(100, None)), ("bytes=-7", 206, slice(-7, None)),
        ("bytes=5-9999999", 206, slice(5, None)), ("bytes=0-0,5-9", 200, slice(None)), ("lines=1-2", 200, slice(None)),
        ("bytes=9-2", 200, slice(None)), ("bytes=999999-", 416, slice(0, 0)),
    ],
)  # fmt: skip
async def test_a_range_of_it(intake: Place, asked: str, status: int, part: slice) -> None:
    content = film(place=b"")
    media = (await upload(intake, content)).json()["id"]
    whole = (await intake.http.get(f"/intake/v1/media/{media}", headers=intake.app)).content
    answer = await intake.http.get(f"/intake/v1/media/{media}", headers={**intake.app, "Range": asked})
    assert (answer.status_code, answer.content) == (status, whole[part])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
async def test_thumbnails_are_small_upright_and_say_nothing(intake: Place, kind: str) -> None:
    sent = picture(kind, (800, 600), orientation=1 if kind == "HEIF" else 6)
    media = (await upload(intake, sent)).json()["id"]
    sides = (320, 800)
    for size, longest in zip(("small", "large"), sides, strict=True):
        answer = await intake.http.get(f"/intake/v1/media/{media}/thumbnails/{size}", headers=intake.app)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        shown = opened(answer.content)
        expected = (longest, longest * 3 // 4) if kind == "HEIF" else (longest * 3 // 4, longest)
        assert (shown.size, dict(shown.getexif())) == (expected, {})


async def test_what_cannot_be_decoded_has_no_thumbnail(intake: Place) -> None:
    damaged = bytearray(picture("PNG"))
    damaged[damaged.index(b"IDAT") + 4 : -20] = b"\xff" * (len(damaged) - damaged.index(b"IDAT") - 24)
    for content in (bytes(damaged), MP4):
        media = (await upload(intake, content)).json()["id"]
        answer = await intake.http.get(f"/intake/v1/media/{media}/thumbnails/small", headers=intake.app)
        assert (answer.status_code, answer.json()["type"]) == (415, "/problems/no-thumbnail")


async def test_a_report_names_its_media(intake: Place) -> None:
    media = (await upload(intake, JPEG)).json()["id"]
    taken = await intake.post(intake.body(media=[media]))
    assert taken.status_code == 201
    row = await intake.stored(taken.json()["id"])
    assert row["details"]["media"] == [media]


async def test_what_unpacks_to_far_more_than_it_is_does_so_in_a_process_with_limits(intake: Place) -> None:
    """A PNG of 100 by 100 pixels with 60 MB of zeros packed into its picture, or its colour profile."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)

    zeros = zlib.compress(bytes(60 << 20), 9)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes.fromhex("00000064 00000064 08 02 00 00 00"))
    bombs = [
        head + chunk(b"IDAT", zeros) + chunk(b"IEND", b""),
        head + chunk(b"iCCP", b"x\0\0" + zeros) + chunk(b"IDAT", zlib.compress(bytes(301 * 100))) + chunk(b"IEND", b""),
    ]
    for bomb in bombs:
        assert len(bomb) < 100_000
        media = (await upload(intake, bomb)).json()["id"]
        answer = await intake.http.get(f"/intake/v1/media/{media}/thumbnails/small", headers=intake.app)
        assert (answer.status_code, answer.headers["content-type"]) in (
            (200, "image/jpeg"),
            (415, "application/problem+json"),
        )


async def test_a_packed_body_is_not_unpacked(intake: Place) -> None:
    headers = {**intake.app, "Content-Type": "image/png", "Content-Encoding": "gzip"}
    answer = await intake.http.post("/intake/v1/media", content=gzip.compress(PNG), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/packed-body")
