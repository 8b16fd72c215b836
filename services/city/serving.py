"""One HTTP server beside the background jobs of a process, stopped in the right order."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from services.city.trouble import Trouble
from shared.jobs import Job, supervise
from shared.settings import Settings

# Requests under way get this much before the jobs they lean on (a group writer, a stream's tail) are told to stop;
# uvicorn looks every 0.1 s whether it is to close its door.
REQUESTS_FIRST_SECONDS = 0.4


def bind(host: str, port: int) -> socket.socket:
    """The socket to serve on, taken before anything else is started: a port in use costs no wait. Raises Trouble."""
    door = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
        # Listening is what makes a second process fail to bind: with SO_REUSEADDR a bound socket alone does not.
        door.listen(2048)
    except OSError as error:
        door.close()
        raise Trouble(
            f"port {port} on {host} cannot be used ({error.strerror or error}): take another, --port or make run PORT="
        ) from None
    return door


def stop_on_signals() -> asyncio.Event:
    """An event that Ctrl-C or SIGTERM sets."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def serve_until(
    stop: asyncio.Event,
    app: Any,
    door: socket.socket,
    jobs: Sequence[Job],
    settings: Settings,
    *,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until `stop`; then close the door, answer what has come in, and let the jobs finish what they began.

    Both, requests and jobs, have `drain_seconds`.
    """
    # What is loaded by now stays for good: the collector need not walk it again. Full collections over it took tens of
    # milliseconds in the middle of requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # whose word is taken for an address is a setting of ours: WANGGE_TRUSTED_PROXIES
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
    )
    server = _Server(config, ready)
    serving = asyncio.create_task(server.serve(sockets=[door]), name="http")
    jobs_stop = asyncio.Event()
    working = asyncio.create_task(supervise(jobs, jobs_stop, drain_seconds=settings.drain_seconds), name="jobs")
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((serving, working, stopping), return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await asyncio.sleep(REQUESTS_FIRST_SECONDS)
    finally:
        server.should_exit = True
        jobs_stop.set()
        stopping.cancel()
        await asyncio.gather(serving, working)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to the process: uvicorn would take them from its own jobs."""
        yield
