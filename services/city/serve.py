"""`wangge serve`: one service, or one half of it, in a process of its own."""

import socket
from contextlib import AsyncExitStack, closing
from typing import Literal

import asyncpg
import structlog
from starlette.applications import Starlette

from services.city.house import house
from services.city.parts import Part, part
from services.city.serving import bind, serve_until, stop_on_signals
from shared import telemetry
from shared.bus.opening import open_carrier
from shared.jobs import Job
from shared.logs import start_logging
from shared.migrations import check_current
from shared.settings import Settings

log = structlog.get_logger()

Role = Literal["api", "worker", "all"]


def run(name: str, role: Role, host: str, port: int) -> None:
    """Run until Ctrl-C or SIGTERM. A worker has no routes, but answers /livez and /readyz on the same port.

    Raises Trouble for a taken port, SchemaNotCurrent for an old schema.
    """
    import uvloop

    service = part(name)
    settings = service.settings()
    start_logging(settings.log_format, settings.log_level)
    with closing(bind(host, port)) as door:
        uvloop.run(_serve(service, role, settings, door))


async def _serve(service: Part, role: Role, settings: Settings, door: socket.socket) -> None:
    stop = stop_on_signals()
    await _refuse_old_schema(service.name, settings.database_url)
    async with AsyncExitStack() as until_the_end:
        telemetry.start(settings, f"{service.name}-{role}")
        until_the_end.callback(telemetry.stop)
        carrier = open_carrier(settings)
        until_the_end.push_async_callback(carrier.close)
        wired = await until_the_end.enter_async_context(service.wire(settings, carrier))
        app, jobs = _role(service, role, wired)
        address = "{}:{}".format(*door.getsockname()[:2])
        where = {"service": service.name, "role": role, "address": address, "carrier": carrier.kind}
        await serve_until(stop, app, door, jobs, settings, ready=lambda: log.info("serving", **where))
    log.info("stopped", service=service.name, role=role)


def _role(service: Part, role: Role, wired: object) -> tuple[Starlette, list[Job]]:
    apps = {service.name: service.create_app(wired)} if role != "worker" else {}
    jobs = [
        *(service.api_jobs(wired) if role != "worker" else ()),
        *(service.worker_jobs(wired) if role != "api" else ()),
    ]
    return house(apps, {service.name: wired.readiness}, []), jobs  # type: ignore[attr-defined]


async def _refuse_old_schema(service: str, dsn: str) -> None:
    """A database that is away is no reason not to start: /readyz says so, and the same check is made there."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        log.warning("database not reachable yet; start it or set WANGGE_DATABASE_URL", error=str(error))
        return
    try:
        await check_current(connection, service)
    finally:
        await connection.close()
