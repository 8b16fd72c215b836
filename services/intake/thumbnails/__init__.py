"""Thumbnails 缩略图, made in a process of its own for each picture: what a stranger's file does to a decoder, it does
there.
"""

import asyncio
import sys
from typing import Final

import structlog

from services.intake.domain.media import THUMBNAILS, NoThumbnail

log = structlog.get_logger()

# A picture of 48 million pixels takes 0.6 s on one core; the process is limited to 20 s of processor time as well.
_SECONDS: Final = 30.0


class Thumbnailer:
    """Makes thumbnails of `at_once` pictures at a time; the others wait."""

    def __init__(self, at_once: int) -> None:
        self._turn = asyncio.Semaphore(at_once)

    async def make(self, picture: bytes) -> dict[str, bytes]:
        """Size → JPEG, upright, with no word about where it was taken. Raises NoThumbnail."""
        async with self._turn:
            maker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.intake.thumbnails"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(_SECONDS):
                    made, said = await maker.communicate(picture)
            except TimeoutError:
                made, said = b"", b"no end in time"
            finally:
                if maker.returncode is None:
                    maker.kill()
                    await maker.wait()
        if maker.returncode != 0:
            log.info("no thumbnail", reason=said.decode(errors="replace").strip()[-200:], status=maker.returncode)
            raise NoThumbnail("the picture cannot be decoded")
        small = int.from_bytes(made[:4])
        return dict(zip(THUMBNAILS, (made[4 : 4 + small], made[4 + small :]), strict=True))
