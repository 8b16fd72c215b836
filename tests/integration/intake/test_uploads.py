"""Resumable uploads: whatever breaks, what was stored is not sent again, and any replica goes on."""

import asyncio
import base64
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake.commands import resume_upload
from services.intake.commands.sweep_media import sweep_media
from services.intake.store import uploads as store
from shared.kernel.ids import uuid7
from tests.integration.intake.conftest import Place
from tests.pictures import MP3, OWNER, opened, picture

TUS = {"Tus-Resumable": "1.0.0"}
PART = {"Content-Type": "application/offset+octet-stream"}
PATH = "/intake/v1/uploads"


def metadata(**given: str) -> dict[str, str]:
    return {"Upload-Metadata": ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in given.items())}


async def begin(intake: Place, length: int, **more: str) -> str:
    given = {**intake.app, **TUS, "Upload-Length": str(length), **more}
    answer = await intake.http.post(PATH, headers=given)
    assert answer.status_code == 201, answer.text
    assert (answer.headers["tus-resumable"], answer.headers["upload-offset"]) == ("1.0.0", "0")
    return answer.headers["location"]


async def part(intake: Place, where: str, offset: int, content: bytes, **more: str) -> httpx.Response:
    headers = {**intake.app, **TUS, **PART, "Upload-Offset": str(offset), **more}
    return await intake.http.patch(where, content=content, headers=headers)


async def offset(intake: Place, where: str) -> int:
    answer = await intake.http.head(where, headers={**intake.app, **TUS})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "GMT" in answer.headers["upload-expires"]
    return int(answer.headers["upload-offset"])


def stored_files(intake: Place) -> set[str]:
    return {path.name for path in (intake.wired.settings.data_dir / "media").rglob("*") if path.is_file()}


async def test_a_file_in_parts_becomes_media(intake: Place) -> None:
    sent = picture(orientation=6)
    where = await begin(intake, len(sent), **metadata(filename="../../x.jpg", filetype="text/html"))
    at = 0
    for size in (1, 999, 3000, len(sent)):
        answer = await part(intake, where, at, sent[at : at + size])
        at = min(at + size, len(sent))
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(at)), answer.text
        assert await offset(intake, where) == at
    seen = (await intake.http.get(where, headers=intake.app)).json()
    assert (seen["offset"], seen["media"]["media_type"], seen["id"]) == (len(sent), "image/jpeg", seen["media"]["id"])
    assert seen["media"]["offered_location"]["datum"] == "wgs84"
    content = (await intake.http.get(f"/intake/v1/media/{seen['id']}", headers=intake.app)).content
    assert opened(content).tobytes() == opened(sent).tobytes()
    assert OWNER.encode() not in content
    assert len([name for name in stored_files(intake) if name.startswith(seen["id"])]) == 1
    again = await part(intake, where, len(sent), b"")
    assert (again.status_code, again.headers["upload-offset"]) == (204, str(len(sent)))


async def test_what_is_spoken_is_told(intake: Place) -> None:
    answer = await intake.http.options(PATH)
    assert (answer.status_code, answer.headers["tus-version"], answer.headers["tus-max-size"]) == (
        204,
        "1.0.0",
        "100000",
    )
    assert "creation" in answer.headers["tus-extension"]
    for given in ({}, {"Tus-Resumable": "0.2.2"}):
        answer = await intake.http.post(PATH, headers={**intake.app, **given, "Upload-Length": "9"})
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
        assert answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize("length", [None, "0", "-1", "many", "9" * 40, "1.5", "٣"])
async def test_a_length_that_is_none_is_refused(intake: Place, length: str | None) -> None:
    given = [(k.encode(), v.encode()) for k, v in {**intake.app, **TUS, "Upload-Length": length or ""}.items()]
    answer = await intake.http.post(PATH, headers=given if length is not None else given[:-1])
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "header Upload-Length")


async def test_too_large_a_file_is_refused_before_it_comes(intake: Place) -> None:
    answer = await intake.http.post(PATH, headers={**intake.app, **TUS, "Upload-Length": "100001"})
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/media-too-large")


async def test_a_part_must_go_on_where_the_last_one_ended(intake: Place) -> None:
    where = await begin(intake, 600)
    assert (await part(intake, where, 0, MP3[:200])).status_code == 204
    for wrong in (0, 199, 201, 600):
        answer = await part(intake, where, wrong, MP3[200:300])
        assert (answer.status_code, answer.json()["offset"], answer.headers["upload-offset"]) == (409, 200, "200")
    answer = await part(intake, where, 200, MP3[:100], **{"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/not-a-part")
    answer = await part(intake, where, 200, bytes(1000))
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/more-than-announced")
    assert await offset(intake, where) == 200


async def test_what_came_before_a_connection_broke_is_kept(intake: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume_upload, "PART", 1000)
    sent = MP3.ljust(9_000, b"\0")
    where = await begin(intake, len(sent))

    before = stored_files(intake)
    given = {**intake.app, **TUS, **PART, "Upload-Offset": "0"}
    scope: dict[str, Any] = {
        "type": "http", "http_version": "1.1", "method": "PATCH", "path": where.removeprefix("/intake"),
        "raw_path": where.removeprefix("/intake").encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "server": ("intake.test", 80), "client": ("::1", 1),
        "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
    }  # fmt: skip
    coming = [sent[:700], sent[700:3_300]]

    async def receive() -> Any:
        if coming:
            return {"type": "http.request", "body": coming.pop(0), "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None: ...

    await intake.asgi(scope, receive, send)
    assert len(stored_files(intake) - before) == 4  # three bits of a thousand, and the rest
    assert await offset(intake, where) == 3_300
    assert (await part(intake, where, 3_300, sent[3_300:])).status_code == 204


async def test_two_replicas_continue_one_upload(intake: Place, second: Place) -> None:
    sent = picture()
    where = await begin(intake, len(sent))
    third = len(sent) // 3
    assert (await part(intake, where, 0, sent[:third])).status_code == 204
    assert await offset(second, where) == third
    # Both are sent the same part at once: one takes it, the other tells where to go on.
    answers = await asyncio.gather(*(part(each, where, third, sent[third : 2 * third]) for each in (intake, second)))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert await offset(intake, where) == 2 * third
    answers = await asyncio.gather(*(part(each, where, 2 * third, sent[2 * third :]) for each in (intake, second)))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    seen = (await second.http.get(where, headers=second.app)).json()
    content = (await second.http.get(f"/intake/v1/media/{seen['id']}", headers=intake.app)).content
    assert opened(content).tobytes() == opened(sent).tobytes()
    assert len([name for name in stored_files(intake) if name.startswith(seen["id"])]) == 1


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>" + bytes(500), picture()[:-300], b"\x7fELF" + bytes(100)])
async def test_what_is_refused_is_forgotten(intake: Place, content: bytes) -> None:
    before = stored_files(intake)
    where = await begin(intake, len(content))
    assert (await part(intake, where, 0, content[:100])).status_code == 204
    answer = await part(intake, where, 100, content[100:])
    assert answer.status_code in (415, 422)
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert (await intake.http.head(where, headers={**intake.app, **TUS})).status_code == 404
    assert stored_files(intake) == before


async def test_an_upload_is_its_callers_alone(intake: Place) -> None:
    where = await begin(intake, len(MP3))
    other = await intake.key()
    assert (await intake.http.head(where, headers={**other, **TUS})).status_code == 404
    assert (await part(intake, where, 0, MP3, **other)).status_code == 404
    assert (await intake.http.delete(where, headers={**other, **TUS})).status_code == 404
    assert (await intake.http.head(where, headers=TUS)).status_code == 401
    assert (
        await intake.http.post(PATH, headers={**intake.staff("auditor"), **TUS, "Upload-Length": "9"})
    ).status_code == 403


async def test_one_that_is_given_up_is_gone(intake: Place) -> None:
    before = stored_files(intake)
    where = await begin(intake, len(MP3))
    await part(intake, where, 0, MP3[:100])
    assert (await intake.http.delete(where, headers={**intake.app, **TUS})).status_code == 204
    assert (await intake.http.head(where, headers={**intake.app, **TUS})).status_code == 404
    assert stored_files(intake) == before


async def test_the_first_part_may_come_along(intake: Place) -> None:
    headers = {**intake.app, **TUS, **PART, "Upload-Length": str(len(MP3))}
    answer = await intake.http.post(PATH, content=MP3, headers=headers)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(len(MP3)))
    seen = (await intake.http.get(answer.headers["location"], headers=intake.app)).json()
    assert seen["media"]["media_type"] == "audio/mpeg"


async def test_begun_again_it_is_the_same(intake: Place) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    places = await asyncio.gather(*(begin(intake, 600, **key) for _ in range(4)))
    assert len({*places}) == 1
    own = metadata(id=str(uuid7()))
    places = await asyncio.gather(*(begin(intake, 600, **own) for _ in range(4)))
    assert len({*places}) == 1
    other = await intake.http.post(PATH, headers={**intake.app, **TUS, **own, "Upload-Length": "601"})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/media-id-taken")


@pytest.mark.parametrize("given", ["not base64!", "bm90IGEgdXVpZA==", ""])
async def test_an_id_that_is_none_is_refused(intake: Place, given: str) -> None:
    headers = {**intake.app, **TUS, "Upload-Length": "9", "Upload-Metadata": f"filename eA==,id {given}"}
    assert (await intake.http.post(PATH, headers=headers)).status_code == 422


async def test_one_that_nobody_continues_is_swept(intake: Place) -> None:
    where = await begin(intake, len(MP3))
    await part(intake, where, 0, MP3[:100])
    upload_id = UUID(where.rpartition("/")[2])
    await intake.wired.pool.execute(
        "UPDATE intake.uploads SET expires_at = now() - interval '1 second' WHERE id = $1", upload_id
    )
    assert (await intake.http.head(where, headers={**intake.app, **TUS})).status_code == 404
    await sweep_media(intake.wired.shelf, timedelta(days=7))
    assert await store.find(intake.wired.pool, upload_id) is None
    assert not [name for name in stored_files(intake) if str(upload_id) in name]
