"""Intake's own app with another writer behind it: what row a and row h compare with. Never part of a release.

`python -m tests.bench.intake_variants no-store --port 8080`. Every variant reads, checks, authorises, places and
prepares a report as intake does; they differ in what becomes of the row.
"""

import argparse
import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import uvloop

from services.city.house import house
from services.city.serving import bind, serve_until, stop_on_signals
from services.intake import outgoing
from services.intake.app import api_jobs, create_app
from services.intake.commands.group_commit import ANSWER_SECONDS, GroupWriter
from services.intake.settings import IntakeSettings
from services.intake.store import reports as store
from services.intake.store.reports import Row
from services.intake.wiring import Wired, wire
from shared.bus.opening import open_carrier
from shared.logs import start_logging


class NoStore(GroupWriter):
    """Answers and forgets: the ceiling of this app."""

    async def write(self, row: Row) -> bytes:
        return row.answer


class OneByOne(GroupWriter):
    """One transaction a request: report, outbox row and, where there is one, key in one statement, then its commit."""

    async def write(self, row: Row) -> bytes:
        async with self._pool.acquire() as connection:
            await store.add_group(
                connection,
                [row],
                *(outgoing.REPORT_TOPIC, outgoing.REPORT_TYPE, outgoing.REPORT_SEQUENCE, ANSWER_SECONDS),
            )
        return row.answer


WRITERS: dict[str, Callable[..., GroupWriter]] = {"no-store": NoStore, "one-by-one": OneByOne}


def with_writer(wired: Wired, variant: str) -> Wired:
    return replace(wired, desk=replace(wired.desk, writer=WRITERS[variant](wired.pool, wired.outbox)))


async def run(variant: str, port: int) -> None:
    settings = IntakeSettings()
    start_logging(settings.log_format, settings.log_level)
    stop = stop_on_signals()
    with closing(bind("127.0.0.1", port)) as door:
        async with wire(settings, open_carrier(settings)) as original:
            wired = with_writer(original, variant)
            app = house({"intake": create_app(wired)}, {"intake": wired.readiness}, [])
            await serve_until(stop, app, door, api_jobs(wired), settings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=WRITERS)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(run(arguments.variant, arguments.port))
