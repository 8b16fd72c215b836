"""Files in a bucket, on a real S3 server (moto): the same as in a folder; and what happens while it is away."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.intake.media_files import BadMediaStore, open_media_files
from services.intake.settings import IntakeSettings
from tests.integration.intake.conftest import Place, city, demo_areas
from tests.integration.intake.test_media import upload
from tests.integration.intake.test_uploads import TUS, begin, offset, part
from tests.pictures import MP3, opened, picture


@asynccontextmanager
async def bucket_server(port: int, bucket: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)),
        env=os.environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            while True:
                assert process.returncode is None
                try:
                    if (await http.put(f"/{bucket}", headers={"Host": "127.0.0.1"})).status_code == 200:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        yield
    finally:
        process.terminate()
        await process.wait()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    found = free_port()
    given = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{found}", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return found


async def test_a_bucket_keeps_files_and_reports_do_not_wait_for_it(
    postgres_dsn: str, tmp_path: Path, port: int
) -> None:
    url = f"s3://media-{uuid4().hex[:8]}/city"
    bucket = url.split("/")[2]
    async with city(postgres_dsn, tmp_path, demo_areas(), media_url=url, media_max_bytes=20 << 20) as intake:
        async with bucket_server(port, bucket):
            sent = picture("JPEG", (1600, 1200), 6)
            media = (await upload(intake, sent)).json()["id"]
            await _is(intake, media, sent)
            large = MP3.ljust(12 << 20, b"\1")  # three parts of a multipart upload
            film = (await upload(intake, large)).json()["id"]
            seen = await intake.http.get(f"/intake/v1/media/{film}", headers=intake.app)
            assert seen.content == large
            some = await intake.http.get(f"/intake/v1/media/{film}", headers={**intake.app, "Range": "bytes=9-20"})
            assert some.content == large[9:21]
            where = await begin(intake, len(sent))
            assert (await part(intake, where, 0, sent[:900])).status_code == 204
            names = [name async for some in intake.wired.media.older_than(_later()) for name in some]
            assert len(names) == 5, names  # two files, two thumbnails, one part

        await _away(intake, media, where, sent)
        async with bucket_server(port, bucket):  # a new one, empty: it works again by itself
            assert (await upload(intake, sent)).status_code == 201
            assert (
                await part(intake, where, 900, sent[900:])
            ).status_code == 409  # its first part went with the old one


async def _is(intake: Place, media: str, sent: bytes) -> None:
    seen = await intake.http.get(f"/intake/v1/media/{media}", headers=intake.app)
    assert opened(seen.content).tobytes() == opened(sent).tobytes()
    small = await intake.http.get(f"/intake/v1/media/{media}/thumbnails/small", headers=intake.app)
    assert opened(small.content).size == (240, 320)


async def _away(intake: Place, media: str, where: str, sent: bytes) -> None:
    """The store is away: a report is taken in, media is answered 503, and nothing is half there."""
    taken = await intake.post(intake.body(media=[media]))
    assert taken.status_code == 201
    rows = await intake.wired.pool.fetchval("SELECT count(*) FROM intake.media")
    for answer in (
        await upload(intake, sent),
        await upload(intake, MP3.ljust(12 << 20, b"\1")),
        await intake.http.get(f"/intake/v1/media/{media}", headers=intake.app),
        await intake.http.get(f"/intake/v1/media/{media}/thumbnails/small", headers=intake.app),
        await part(intake, where, 900, sent[900:]),
    ):
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/media-store-away")
        assert answer.headers["retry-after"] == "5"
    assert await offset(intake, where) == 900
    assert (await intake.http.head(where, headers={**intake.app, **TUS})).status_code == 200
    assert await intake.wired.pool.fetchval("SELECT count(*) FROM intake.media") == rows


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(days=2)


@pytest.mark.parametrize("url", ["s3://", "http://bucket", "bucket", "ftp://x/y"])
def test_an_address_that_is_none_is_refused_at_start(url: str) -> None:
    with pytest.raises(BadMediaStore, match="WANGGE_MEDIA_URL"):
        open_media_files(IntakeSettings(media_url=url))


async def test_a_folder_that_goes_away_is_an_outage_and_no_more(own_intake: Place) -> None:
    folder = own_intake.wired.settings.data_dir / "media"
    media = (await upload(own_intake, picture())).json()["id"]
    folder.rename(folder.with_name("elsewhere"))
    folder.write_bytes(b"in its place")
    answer = await upload(own_intake, picture())
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/media-store-away")
    assert (await own_intake.post(own_intake.body())).status_code == 201
    folder.unlink()
    folder.with_name("elsewhere").rename(folder)
    assert (await upload(own_intake, picture())).status_code == 201
    assert (await own_intake.http.get(f"/intake/v1/media/{media}", headers=own_intake.app)).status_code == 200
