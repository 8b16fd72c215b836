"""A real door before an intake service of a test: bytes in, bytes out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.integration.intake.conftest import Place


@asynccontextmanager
async def served(intake: Place) -> AsyncIterator[int]:
    """The app behind a real door; its port."""
    house = Starlette(routes=[Mount("/intake", intake.asgi)])
    config = uvicorn.Config(house, port=0, http="httptools", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving
