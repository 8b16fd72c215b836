"""The media store: a folder or a bucket (S3 and what speaks like it), by its address. Only this file knows obstore.

Whatever keeps the store from answering becomes MediaStoreAway: nothing is wrong with what was asked, and each call
tries anew, so it works again as soon as the store does.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as NoSuchFile
from obstore.store import LocalStore, S3Store, from_url

from services.intake.domain.media import MediaStoreAway
from services.intake.settings import IntakeSettings

log = structlog.get_logger()

# A larger file goes to the store in parts of this size, one at a time: an upload holds two of them at the most. A
# bucket takes no smaller part (but the last), and a file below it in one request in place of three. A folder does not
# mind: of 50 uploads at once each took 8 MB with the one.
PART: Final = 5 << 20
FOLDER_PART: Final = 512 << 10
_RETRY_AFTER: Final = 5
_PIECE: Final = 256 << 10


class MediaFiles:
    """Files by name. All of it raises MediaStoreAway."""

    def __init__(self, store: LocalStore | S3Store, folder: Path | None = None) -> None:
        """`folder` is where `store` keeps its files, if that is a folder."""
        self._store = store
        self._folder = folder
        self._part = PART if folder is None else FOLDER_PART

    async def put(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Store what `pieces` yields, all of it or nothing. What `pieces` raises comes as it is."""
        first = bytearray()
        async for piece in pieces:
            first += piece
            if len(first) >= self._part:
                break
        else:
            await self.put_whole(name, bytes(first))
            return
        failed: list[BaseException] = []

        async def all_of_it() -> AsyncIterator[bytes]:
            yield bytes(first)
            first.clear()
            try:
                async for piece in pieces:
                    yield piece
            except BaseException as error:
                failed.append(error)
                raise

        try:
            with _answering():
                await self._store.put_async(name, all_of_it(), chunk_size=self._part, max_concurrency=1)
                await self._durable(name)
        except Exception:
            if failed:
                raise failed[0] from None
            raise

    async def put_whole(self, name: str, data: bytes) -> None:
        with _answering():
            await self._store.put_async(name, data, use_multipart=False)
            await self._durable(name)

    async def _durable(self, name: str) -> None:
        """A bucket says "stored" when it is; of a folder that is the kernel's memory, until it is told to write."""
        if self._folder is not None:
            await asyncio.to_thread(_write_out, self._folder / name)

    async def get(self, name: str, part: tuple[int, int] | None = None) -> AsyncIterator[bytes] | None:
        """The file, or the bytes of it from `part[0]` to before `part[1]`; None if there is no such file."""
        try:
            with _answering(absent=True):
                found = await self._store.get_async(name, options={} if part is None else {"range": part})
        except _Missing:
            return None

        async def pieces() -> AsyncIterator[bytes]:
            with _answering():
                async for piece in found.stream(min_chunk_size=_PIECE):
                    yield bytes(piece)

        return pieces()

    async def get_whole(self, name: str) -> bytes | None:
        """The file; None if there is none."""
        pieces = await self.get(name)
        return None if pieces is None else b"".join([piece async for piece in pieces])

    async def delete(self, names: Sequence[str]) -> None:
        """Delete those of `names` that are there."""
        for name in names:
            try:
                with _answering(absent=True):
                    await self._store.delete_async(name)
            except _Missing:
                pass

    async def older_than(self, before: datetime, most: int = 1_000) -> AsyncIterator[list[str]]:
        """The names of all files stored before then, up to `most` at a time."""
        with _answering():
            async for found in self._store.list(chunk_size=most):
                yield [meta["path"] for meta in found if meta["last_modified"] < before]


def open_media_files(settings: IntakeSettings) -> MediaFiles:
    """The store that the settings name. Raises BadMediaStore for an address that is none, and what a folder raises that
    cannot be made.
    """
    if settings.media_url is None:
        folder = settings.data_dir / "media"
        folder.mkdir(parents=True, exist_ok=True)
        return _in_folder(folder.resolve())
    address = urlsplit(settings.media_url)
    if address.scheme == "file":
        return _in_folder(Path(address.path))
    if address.scheme != "s3" or not address.netloc:
        raise BadMediaStore(
            f"WANGGE_MEDIA_URL is {settings.media_url!r}; it must be s3://bucket, s3://bucket/prefix or file:///folder"
        )
    # A request of somebody waits for this: told soon that the store is away, its client tries again by itself.
    # Plain http is spoken where the operator's AWS_ENDPOINT_URL says so: a store in the same network.
    options: Any = {"timeout": timedelta(seconds=30), "connect_timeout": timedelta(seconds=3), "allow_http": True}
    retry: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}
    return MediaFiles(from_url(settings.media_url, client_options=options, retry_config=retry))  # type: ignore[arg-type]


def _in_folder(folder: Path) -> MediaFiles:
    return MediaFiles(LocalStore(str(folder), mkdir=True), folder)


def _write_out(path: Path) -> None:
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class BadMediaStore(Exception):
    """The media store's address is no address; the text says what would be one."""


class _Missing(Exception):
    pass


@contextmanager
def _answering(*, absent: bool = False) -> Iterator[None]:
    """`absent`: that a file is not there is an answer, which raises _Missing."""
    try:
        yield
    except (BaseError, OSError) as error:
        if absent and isinstance(error, FileNotFoundError | NoSuchFile):
            raise _Missing from None
        log.warning("the media store does not answer", error=repr(error))
        raise MediaStoreAway(
            "the media store cannot be reached; nothing was stored, send the same again",
            facts={"retry_after": _RETRY_AFTER},
        ) from error
