"""Files: looked at, kept, given back to those who may see them."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from tests.integration.intake.conftest import Place

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(600)
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(600)
WEBP = b"RIFF\x00\x01\x00\x00WEBPVP8 " + bytes(600)
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(600)
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + bytes(600)
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x00" + bytes(600)
AMR = b"#!AMR\n" + bytes(600)
WAV = b"RIFF\x00\x01\x00\x00WAVEfmt " + bytes(600)


async def upload(
    intake: Place, content: bytes, name: str = "a.jpg", headers: dict[str, str] | None = None
) -> httpx.Response:
    files = {"file": (name, content, "image/jpeg")}
    return await intake.http.post("/intake/v1/media", files=files, headers=headers or intake.app)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (JPEG, "image/jpeg"), (PNG, "image/png"), (WEBP, "image/webp"), (HEIC, "image/heic"), (MP4, "video/mp4"),
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


@pytest.mark.parametrize("content", [b"<html><script>", b"%PDF-1.7 ", b"GIF89a" + bytes(50), b"plain", b"PK\x03\x04"])
async def test_another_type_is_refused_whatever_it_calls_itself(intake: Place, content: bytes) -> None:
    answer = await upload(intake, content, "photo.jpg")
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/media-type-refused")


async def test_a_file_sent_again_with_its_idempotency_key_is_stored_once(intake: Place) -> None:
    headers = {**intake.app, "Idempotency-Key": str(uuid4())}
    answers = [*await asyncio.gather(*[upload(intake, PNG, headers=headers) for _ in range(4)])]
    answers.append(await upload(intake, PNG, "renamed.png", headers))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (
        await intake.wired.pool.fetchval(
            "SELECT count(*) FROM intake.idempotency WHERE key = $1", headers["Idempotency-Key"]
        )
        == 1
    )
    other = await upload(intake, JPEG, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_too_large_a_file_is_refused(intake: Place) -> None:
    answer = await upload(intake, JPEG + bytes(100_000))
    assert answer.status_code == 413
    answer = await upload(intake, JPEG + bytes(200_000))
    assert answer.status_code == 413


async def test_no_file_and_an_empty_one_are_refused(intake: Place) -> None:
    answer = await intake.http.post("/intake/v1/media", data={"x": "y"}, headers=intake.app)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file")
    assert (await upload(intake, b"")).status_code == 422


async def test_it_is_given_to_staff_and_to_its_sender_only(intake: Place) -> None:
    media = (await upload(intake, JPEG)).json()["id"]
    path = f"/intake/v1/media/{media}"
    assert (await intake.http.get(path, headers=intake.app)).status_code == 200
    assert (await intake.http.get(path, headers=await intake.key())).status_code == 404
    assert (await intake.http.get(path, headers=intake.staff("subscriber"))).status_code == 404
    assert (await intake.http.get(path)).status_code == 401
    assert (await intake.http.get(f"/intake/v1/media/{uuid4()}", headers=intake.app)).status_code == 404


async def test_who_may_not_upload_leaves_no_file(intake: Place) -> None:
    before = len(list((intake.wired.settings.data_dir / "media").iterdir()))
    assert (await upload(intake, JPEG, headers=intake.staff("auditor"))).status_code == 403
    assert (await upload(intake, JPEG, headers={"Authorization": "Bearer x"})).status_code == 401
    assert len(list((intake.wired.settings.data_dir / "media").iterdir())) == before


async def test_a_report_names_its_media(intake: Place) -> None:
    media = (await upload(intake, JPEG)).json()["id"]
    taken = await intake.post(intake.body(media=[media]))
    assert taken.status_code == 201
    row = await intake.stored(taken.json()["id"])
    assert row["details"]["media"] == [media]
