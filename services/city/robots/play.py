"""Playing requests: a whole file as fast as wanted, or a gentle demo without end."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence

from services.city.robots.city import City
from services.city.robots.door import Door
from services.city.robots.keys import Credentials, Keys
from services.city.robots.requests import Request, placed, read_requests
from services.city.robots.summary import Summary
from shared.packs import Pack

PATIENCE = 120.0  # seconds to go on asking while a server restarts
OVERTURE = 40  # requests that the demo plays at once, so that there is something to see
OVERTURE_PACE = 20.0
DEMO_PACE = 1.0


async def replay(
    base_url: str,
    credentials: Credentials,
    requests: Sequence[Request],
    *,
    pack: Pack,
    pace: float | None = None,
    limit: int | None = None,
    progress: Callable[[Summary], None] | None = None,
    connections: int = 32,
    patience: float = PATIENCE,
    renew: Callable[[], Credentials] | None = None,
) -> Summary:
    """Post the requests (`pace` a second; None: as fast as they are answered) and carry every case to its end.

    Returns when all are through, or nothing has moved for `patience` seconds; then the summary says how many are open.
    `progress` is called about five times a second; `renew` reads the credentials again when they are refused.
    """
    began = time.monotonic()
    door = Door(base_url, Keys(credentials, renew), connections=connections * 2, patience=patience)
    city = City(door, pack, workers=connections)
    chosen = placed(requests[:limit], pack)
    async with contextlib.aclosing(door), _working(city):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(city.connected.wait(), min(10.0, patience))
        posting = asyncio.create_task(_post(city, chosen, pace, connections))
        try:
            await _until_done(city, posting, patience, lambda: _tell(city, door, began, progress))
        finally:
            posting.cancel()
    _tell(city, door, began, progress)
    return city.summary


async def demo(base_url: str, credentials: Credentials, pack: Pack, stop: asyncio.Event) -> None:
    """Play a few dozen requests at once, then one a second over and over until `stop`.

    Only for a city that is being tried out: it goes on with every case that an earlier demo posted.
    """
    door = Door(base_url, Keys(credentials), connections=8, patience=PATIENCE)
    city = City(door, pack, workers=4, adopt=True)
    requests = placed(read_requests(pack.folder / pack.demo.requests), pack)
    async with contextlib.aclosing(door), _working(city):
        playing = asyncio.create_task(_trickle(city, requests))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
        finally:
            playing.cancel()
            stopping.cancel()


@contextlib.asynccontextmanager
async def _working(city: City) -> AsyncIterator[None]:
    """The robots, at work until the block ends; if they fail, so does the block."""
    async with asyncio.TaskGroup() as together:
        working = together.create_task(city.work())
        yield
        working.cancel()


async def _post(city: City, requests: Sequence[Request], pace: float | None, connections: int) -> None:
    waiting = iter(requests)

    async def app() -> None:
        for request in waiting:
            await city.report(request)

    if pace is None:
        await asyncio.gather(*(app() for _ in range(connections)))
        return
    began = time.monotonic()
    async with asyncio.TaskGroup() as together:
        for n, request in enumerate(requests):
            await asyncio.sleep(max(0.0, began + n / pace - time.monotonic()))
            together.create_task(city.report(request))


async def _until_done(city: City, posting: asyncio.Task[None], patience: float, tell: Callable[[], None]) -> None:
    moved_at, before = time.monotonic(), (0, 0, 0)
    while not (posting.done() and len(city.cases) == 0):
        await asyncio.sleep(0.2)
        tell()
        now = (city.summary.posted, city.summary.acts, city.summary.ended)
        if now != before:
            moved_at, before = time.monotonic(), now
        if time.monotonic() - moved_at > patience:
            return
    posting.result()


def _tell(city: City, door: Door, began: float, progress: Callable[[Summary], None] | None) -> None:
    city.summary.elapsed = time.monotonic() - began
    city.summary.open = len(city.cases)
    city.summary.retries = door.retries
    if progress is not None:
        progress(city.summary)


async def _trickle(city: City, requests: Sequence[Request]) -> None:
    await city.connected.wait()
    pace = OVERTURE_PACE
    for round_ in itertools.count():
        for n, request in enumerate(requests):
            if round_ or n >= OVERTURE:
                pace = DEMO_PACE
            began = time.monotonic()
            await city.report(request, round_)
            await asyncio.sleep(max(0.0, began + 1 / pace - time.monotonic()))
