"""A city as it runs in production: every service by itself, halves of it too, several at once, on a real Kafka."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from deploy.kafka.broker import Broker
from services.city.embedded_postgres import EmbeddedPostgres
from shared.auth import POSTS, issue_token
from shared.packs import load
from tests.e2e.conftest import City, free_port

SECRET = "a secret of this test alone, 32 long"
# (service, role): two of a kind share the work.
LAYOUT = (
    ("intake", "api"),
    ("intake", "worker"),
    ("intake", "worker"),
    ("dispatch", "api"),
    ("dispatch", "worker"),
    ("dispatch", "worker"),
    ("evaluation", "all"),
    ("notify", "api"),
    ("notify", "worker"),
)
READY_SECONDS = 90


class OneOrigin(httpx.AsyncBaseTransport):
    """What an Ingress does: the first segment of the path says which service answers."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._inner = httpx.AsyncHTTPTransport(retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=self._ports[request.url.path.split("/")[1]])
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Process:
    """One `wangge serve`."""

    def __init__(self, service: str, role: str, log: Path, settings: dict[str, str]) -> None:
        self.service, self.role, self.port = service, role, free_port()
        self._log, self._settings = log, settings
        self.child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = ["serve", self.service, "--role", self.role, "--host", "127.0.0.1", "--port", str(self.port)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WANGGE_")} | self._settings
        with self._log.open("ab") as output:
            self.child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.city", *arguments, stdout=output, stderr=output, env=environment
            )

    async def ready(self, expected: int = 200) -> None:
        until = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(timeout=5) as client:
            while True:
                assert self.child is not None
                assert self.child.returncode is None, self._log.read_text()
                try:
                    answer = await client.get(f"http://127.0.0.1:{self.port}/readyz")
                    if answer.status_code == expected:
                        return
                except httpx.TransportError:
                    pass
                assert time.monotonic() < until, f"{self.service} {self.role}: {self._log.read_text()[-3000:]}"
                await asyncio.sleep(0.1)

    def signal(self, number: signal.Signals) -> None:
        assert self.child is not None
        self.child.send_signal(number)

    async def stop(self) -> int:
        if self.child is None:
            return 0
        if self.child.returncode is None:
            self.child.terminate()
        return await asyncio.wait_for(self.child.wait(), 30)


class SplitCity(City):
    """The same public interface as `make run` has, with each process within reach."""

    def __init__(self, folder: Path, processes: list[Process], postgres: EmbeddedPostgres, broker: Broker) -> None:
        self.folder, self.processes, self.postgres, self.broker = folder, processes, postgres, broker
        ports = {p.service: p.port for p in processes if p.role != "worker"}
        self.base = "http://127.0.0.1"
        self.http = httpx.AsyncClient(base_url=self.base, transport=OneOrigin(ports), timeout=20)

    def of(self, service: str, role: str) -> list[Process]:
        return [p for p in self.processes if (p.service, p.role) == (service, role)]

    async def stop(self) -> int:
        await self.http.aclose()
        return max(await asyncio.gather(*(p.stop() for p in self.processes)))


async def wangge(settings: dict[str, str], *arguments: str) -> str:
    """What a command prints; it must succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANGGE_")} | settings
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.city", *arguments, stdout=pipe, stderr=pipe, env=environment
    )
    output, errors = await child.communicate()
    assert child.returncode == 0, errors.decode()
    return output.decode()


@asynccontextmanager
async def running_split(
    folder: Path, pack: str = "haidian", layout: Sequence[tuple[str, str]] = LAYOUT
) -> AsyncIterator[SplitCity]:
    """Servers of its own, for tests that stop them; set up by the same commands that an operator types."""
    folder.mkdir(parents=True)
    postgres, broker = EmbeddedPostgres(folder, {"max_connections": "150"}), Broker(folder / "kafka")
    await asyncio.to_thread(broker.start)
    try:
        await postgres.start()
        await broker.ready()
        settings = {
            "WANGGE_DATABASE_URL": postgres.dsn,
            "WANGGE_CARRIER": "kafka",
            "WANGGE_KAFKA_BOOTSTRAP": broker.bootstrap,
            "WANGGE_TOKEN_SECRET": SECRET,
            "WANGGE_PACK": pack,
            "WANGGE_DATA_DIR": str(folder / "data"),
            "WANGGE_LOG_FORMAT": "json",
        }
        await wangge(settings, "migrate")
        await wangge(settings, "areas", "import", "--pack", pack)
        key = (await wangge(settings, "keys", "create", "e2e", "--area", load(pack).area)).split()[-1]
        processes = [Process(s, r, folder / f"{s}-{r}-{n}.log", settings) for n, (s, r) in enumerate(layout)]
        city = SplitCity(folder, processes, postgres, broker)
        try:
            for process in processes:
                await process.start()
            await asyncio.gather(*(process.ready() for process in processes))
            city.credentials = credentials_of(key, pack)
            yield city
        finally:
            for process in processes:
                if process.child is not None and process.child.returncode is None:
                    process.signal(signal.SIGCONT)
            await city.stop()
    finally:
        await postgres.stop()
        await asyncio.to_thread(broker.stop)


def credentials_of(key: str, pack_name: str) -> dict[str, object]:
    pack = load(pack_name)

    def token(post: str, unit: str | None = None) -> str:
        return issue_token(SECRET, subject=unit or post, post=post, area=pack.area, unit=unit)

    tokens = {post: token(post) for post in POSTS if post != "unit_clerk"}
    return {"app": key, "tokens": tokens, "units": {code: token("unit_clerk", code) for code in pack.units}}
