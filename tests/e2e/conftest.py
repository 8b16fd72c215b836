"""A whole city in a process of its own, as `make run` starts it, and a client that knows only its public interface."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

READY_SECONDS = 90


class City:
    """A running `wangge up`: its address, its credentials, and an HTTP client for them."""

    def __init__(self, base: str, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.base = base
        self.folder = folder
        self.process = process
        self.credentials: dict[str, Any] = {}
        self.http = httpx.AsyncClient(base_url=base, timeout=20)

    def app(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credentials['app']}"}

    def staff(self, post: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credentials['tokens'][post]}"}

    def unit(self, code: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credentials['units'][code]}"}

    async def stop(self) -> int:
        await self.http.aclose()
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 40)


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


async def start(folder: Path, *arguments: str, port: int, **settings: str) -> asyncio.subprocess.Process:
    """`wangge up` on `folder` with only these settings; its output goes to `folder`/../up.log."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")}
    environment |= settings
    command = [sys.executable, "-m", "services.city", "up", "--data", str(folder), "--port", str(port), *arguments]
    with (folder.parent / "up.log").open("ab") as output:
        return await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, env=environment)


@asynccontextmanager
async def running(folder: Path, *arguments: str, **settings: str) -> AsyncIterator[City]:
    """A city that answers; ended, and its end awaited, with the block."""
    port = free_port()
    process = await start(folder, *arguments, port=port, **settings)
    city = City(f"http://127.0.0.1:{port}", folder, process)
    try:
        until = time.monotonic() + READY_SECONDS
        while True:
            assert process.returncode is None, (folder.parent / "up.log").read_text()
            assert time.monotonic() < until, (folder.parent / "up.log").read_text()
            try:
                if (await city.http.get("/readyz")).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
        city.credentials = json.loads((folder / "credentials.json").read_text())
        yield city
    finally:
        await city.stop()


@pytest.fixture(scope="session")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    """The district haidian without the robots: every act in it is a test's. So is every report, though many tests post
    theirs at one place: none is merged with another's.
    """
    settings = {"WANGGE_MERGE_DUPLICATES": "false"}
    async with running(tmp_path_factory.mktemp("city") / "data", "--no-demo", **settings) as made:
        yield made
