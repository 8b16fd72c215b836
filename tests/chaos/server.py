"""One process of a service, as the fault runner starts and ends it."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import httpx

from tests.e2e.split import Process


class Server(Process):
    """One `wangge serve`, by way of serve.py: it can be made to die at a seam, to be a mutant, to have another time."""

    def __init__(self, name: str, service: str, role: str, folder: Path, settings: dict[str, str]) -> None:
        self.name = name
        self.seams = folder / "seams" / name
        self._pids = folder / "pids"
        self.seams.mkdir(parents=True, exist_ok=True)
        for left_over in self.seams.iterdir():  # of a run that was stopped
            left_over.unlink()
        super().__init__(service, role, folder / f"{name}.log", settings | {"CHAOS_SEAMS": str(self.seams)})
        self.more: dict[str, str] = {}
        self.meant_to_run = False

    async def start(self) -> None:
        arguments = ["serve", self.service, "--role", self.role, "--host", "127.0.0.1", "--port", str(self.port)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WANGGE_")} | self._settings | self.more
        self.meant_to_run = False  # a start is under way
        with self._log.open("ab") as output:
            self.child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.serve", *arguments, stdout=output, stderr=output, env=environment
            )
        self._pids.mkdir(exist_ok=True)
        (self._pids / str(self.child.pid)).touch()
        self.meant_to_run = True

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.returncode is None

    async def kill(self) -> None:
        """As a machine that loses its power."""
        self.meant_to_run = False
        if self.child is not None:
            with suppress(ProcessLookupError):
                self.child.kill()
            await self.child.wait()

    async def end(self) -> bool:
        """As an orchestrator ends it: SIGTERM, and SIGKILL after 30 s. Whether the first was enough."""
        self.meant_to_run = False
        if self.running:
            assert self.child is not None
            self.child.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.child.wait(), 30)
            except TimeoutError:
                await self.kill()
                return False
        return True

    async def is_ready(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=3) as client:
                return (await client.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200
        except httpx.TransportError:
            return False
