"""The HTTP side of intake."""

from fastapi import FastAPI

from services.intake.api import areas, batch, catalogue, duplicates, keys, media, reports
from services.intake.queries.grid_index import grid_index_job
from services.intake.wiring import Wired
from shared.http import new_app
from shared.jobs import Job


def create_app(wired: Wired) -> FastAPI:
    """Reports, media, areas, the catalogue, API keys."""
    app = new_app(
        "intake",
        title="Wangge intake 受理入口",
        description="Reports 上报 from apps and people: posted, placed in a grid, stored, published.",
        wired=wired,
        authenticator=wired.auth,
        settings=wired.settings,
        readiness=wired.readiness,
    )
    app.state.large_routes = {
        "/v1/reports/batch": wired.settings.batch_max_bytes,
        # A multipart body is a little larger than the file in it.
        "/v1/media": wired.settings.media_max_bytes + 4096,
        "/v1/areas": wired.settings.areas_max_bytes,
    }
    app.include_router(reports.straight_router)
    for module in (reports, batch, media, areas, catalogue, keys, duplicates):
        app.include_router(module.router)
    return app


def api_jobs(wired: Wired) -> list[Job]:
    """What every replica that answers requests needs: the keys that open it, the grids, the writer of reports."""
    return [
        wired.keys.job(),
        *wired.auth.jobs(),
        grid_index_job(wired.pool, wired.grids, wired.pack),
        wired.desk.writer.job(),
    ]
