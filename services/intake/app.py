"""The HTTP side of intake."""

from fastapi import FastAPI

from services.intake.api import (
    activities,
    area_changes,
    areas,
    batch,
    catalogue,
    components,
    duplicates,
    first_asked,
    keys,
    media,
    opt_out,
    own_report,
    personal,
    reports,
    uploads,
)
from services.intake.api.open311 import offering, posting, reading, updating
from services.intake.api.open311.errors import ProtocolErrors
from services.intake.queries.grid_index import grid_index_job
from services.intake.wiring import Wired
from shared.http import new_app
from shared.jobs import Job
from shared.polling import polling_job


def create_app(wired: Wired) -> FastAPI:
    """Reports, media, areas, the catalogue, API keys, components."""
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
        "/v1/media/*": wired.settings.media_max_bytes + 4096,
        "/v1/uploads": wired.settings.media_max_bytes + 4096,
        "/v1/uploads/*": wired.settings.media_max_bytes + 4096,
        "/v1/areas": wired.settings.areas_max_bytes,
        "/v1/activities/batch": wired.settings.batch_max_bytes,
        # A request of Open311 may come with a few pictures.
        **dict.fromkeys(posting.WITH_PICTURES, 4 * wired.settings.media_max_bytes),
    }
    app.add_middleware(ProtocolErrors)
    app.add_route("/open311/v2/requests.{format}", posting.straight, methods=["POST"], include_in_schema=False)
    app.include_router(reports.straight_router)
    app.include_router(activities.straight_router)
    for module in (
        posting,
        reports,
        batch,
        media,
        areas,
        catalogue,
        keys,
        own_report,
        first_asked,
        area_changes,
        uploads,
        activities,
        components,
        duplicates,
        personal,
        opt_out,
        offering,
        reading,
        updating,
    ):
        app.include_router(module.router)
    return app


def api_jobs(wired: Wired) -> list[Job]:
    """What every replica that answers requests needs: the keys that open it, the grids, the writer of reports."""

    async def tidy() -> None:
        wired.shield.tidy()

    return [
        wired.keys.job(),
        *wired.auth.jobs(),
        grid_index_job(wired.pool, wired.grids, wired.pack),
        wired.desk.writer.job(),
        polling_job("shield", tidy, every=60.0),
    ]
