"""Changes of the areas of a large city, in a process of its own: reading and weighing a hundred thousand shapes would
keep the interpreter of this one from everybody else.
"""

import asyncio
import pickle
import sys
from contextlib import suppress
from typing import Any, Final

import structlog

from shared.kernel.errors import Unavailable

log = structlog.get_logger()

# Of a file: written at once, one of 64 MB would be copied at once.
_PIECE: Final = 1 << 18


class AreasNotDone(Unavailable):
    slug, title, title_zh = "areas-not-done", "The change of areas was not carried out", "区域变更未完成"


class AreaWorker:
    """Carries out one change at a time: they wait for one another in the database anyway, and a province takes a
    gigabyte.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def carry_out(self, given: Any, file: bytes = b"") -> Any:
        """What `python -m services.intake.apart` answers when it is given this, and the file that it is about. Raises
        AreasNotDone where it ended without an answer.
        """
        head, told = pickle.dumps(given), None
        async with self._turn:
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.intake.apart"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            try:
                assert worker.stdin is not None
                assert worker.stdout is not None
                with suppress(ConnectionError):  # how it ended is looked at in a moment
                    worker.stdin.write(len(head).to_bytes(8) + head + len(file).to_bytes(8))
                    for n in range(0, len(file), _PIECE):
                        worker.stdin.write(memoryview(file)[n : n + _PIECE])
                        await worker.stdin.drain()
                    await worker.stdin.drain()
                with suppress(asyncio.IncompleteReadError):
                    told = await worker.stdout.readexactly(int.from_bytes(await worker.stdout.readexactly(8)))
                worker.stdin.close()
                await worker.wait()
            finally:
                if worker.returncode is None:
                    worker.kill()
                    await worker.wait()
        if worker.returncode != 0 or told is None:
            log.error("a change of areas ended without an answer", status=worker.returncode)
            raise AreasNotDone("its process ended; nothing was changed, send the same again", facts={"retry_after": 5})
        return pickle.loads(told)  # our own process wrote it
