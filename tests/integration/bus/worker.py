"""A worker process that tests kill and freeze; its arguments are KIND DSN BOOTSTRAP TOPIC WHAT FILE.

WHAT is `relay`, `reader` or `both`. With a FILE, the handler writes it inside its first transaction and then waits
until the file is gone: the moment to freeze the process in.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.bus import loop, relay
from shared.bus.event import Record
from shared.bus.opening import open_carrier
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.jobs import supervise
from shared.postgres import Connection, create_pool
from shared.settings import Settings
from tests.integration.bus.world import SCHEMA, Kind, World


async def work(kind: Kind, dsn: str, bootstrap: str, topic: str, what: str, file: str) -> None:
    # The same protections as in earnest, after seconds that a test can wait for.
    relay.SETTINGS["idle_session_timeout"] = "2s"
    loop.SETTINGS["idle_session_timeout"] = "2s"
    loop.SETTINGS["idle_in_transaction_session_timeout"] = "2s"
    settings = Settings(environment="test", database_url=dsn, carrier=kind, kafka_bootstrap=bootstrap)
    pool = await create_pool(dsn, name="victim", size=10)
    world = World(settings, open_carrier(settings), pool, Outbox(SCHEMA, Wake()), topic, kind)
    write = world.write("g")

    async def handler(tx: Connection, records: Sequence[Record]) -> None:
        await write(tx, records)
        marker = Path(file) if file else None
        if marker is not None and not marker.exists():
            marker.write_text("inside")
            while marker.exists():
                await asyncio.sleep(0.01)

    jobs = []
    if what in ("relay", "both"):
        jobs.append(world.relay())
    if what in ("reader", "both"):
        jobs.append(world.reader("g", handler))
    await supervise(jobs, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))  # type: ignore[arg-type]
