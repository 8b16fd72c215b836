"""The HTTP side of notify."""

from fastapi import FastAPI

from services.notify.api import stream, tickets, track, track_page, webhooks
from services.notify.queries.tail import tail_job
from services.notify.wiring import Wired
from shared.http import new_app
from shared.jobs import Job


def create_app(wired: Wired) -> FastAPI:
    """Streams, tracking by code, webhooks."""
    app = new_app(
        "notify",
        title="Wangge notify 消息推送",
        description="Live, resumable streams of any part of the city; tracking by code; signed webhooks.",
        wired=wired,
        authenticator=wired.auth,
        settings=wired.settings,
        readiness=wired.readiness,
    )
    for module in (stream, tickets, track, webhooks, track_page):
        app.include_router(module.router)
    return app


def api_jobs(wired: Wired) -> list[Job]:
    """What every replica that answers requests needs: its keys, the tail of the log, care of its streams."""
    return [
        wired.keys.job(),
        *wired.auth.jobs(),
        tail_job(wired.pool, wired.live, wired.appended, wired.settings.stream_keep_events),
        wired.streams.care_job(),
    ]
