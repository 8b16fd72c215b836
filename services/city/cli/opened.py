"""A service opened for one command: wired as when it serves, but without its HTTP side and its jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.city.parts import part
from shared.bus.opening import open_carrier
from shared.logs import start_logging
from shared.migrations import check_current


@asynccontextmanager
async def opened(name: str) -> AsyncIterator[Any]:
    """The wired service. Raises SchemaNotCurrent, and what connecting raises."""
    service = part(name)
    settings = service.settings()
    start_logging(settings.log_format, "warning")
    connection = await asyncpg.connect(settings.database_url, timeout=10)
    try:
        await check_current(connection, name)
    finally:
        await connection.close()
    carrier = open_carrier(settings)
    try:
        async with service.wire(settings, carrier) as wired:
            yield wired
    finally:
        await carrier.close()
