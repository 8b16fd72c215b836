"""The HTTP side of dispatch."""

import asyncio
from functools import partial

from fastapi import FastAPI

from services.dispatch.api import acts, audit, bulk, cases, city, desks, exports, people, sessions
from services.dispatch.commands.load_units import load_units
from services.dispatch.commands.publish_calendar import load_calendars
from services.dispatch.live import register_jobs
from services.dispatch.wiring import Wired
from shared.http import new_app
from shared.jobs import Job
from shared.polling import polling_job


def create_app(wired: Wired) -> FastAPI:
    """Cases, the acts on them, tasks, units and the situation."""
    app = new_app(
        "dispatch",
        title="Wangge dispatch 派遣",
        description="Cases 案卷 and what may be done with them: one route for each act, by the post that does it.",
        wired=wired,
        authenticator=wired.auth,
        settings=wired.settings,
        readiness=wired.readiness,
    )
    # Tried in this order: acts first, they are asked for most.
    app.include_router(acts.router)
    app.include_router(bulk.router)
    # Before the single case: its id would match their names.
    app.include_router(exports.router)
    app.include_router(cases.router)
    app.include_router(desks.router)
    app.include_router(city.router)
    app.include_router(people.router)
    app.include_router(sessions.router)
    app.include_router(audit.router)
    app.state.large_routes = {bulk.PATH: bulk.MOST_BYTES}
    return app


def api_jobs(wired: Wired) -> list[Job]:
    """What a replica that answers requests needs: the keys that open it, the calendars and routing rules it decides by,
    the pack's units (once).
    """

    async def units(stop: asyncio.Event) -> None:
        await load_units(wired)

    registers = register_jobs(wired.units, wired.duty, wired.pool)
    calendars = polling_job("calendars", partial(load_calendars, wired), every=wired.settings.calendar_poll_seconds)
    return [wired.keys.job(), *wired.auth.jobs(), *registers, wired.routing.job(), calendars, Job("units", units)]
