"""The HTTP side of evaluation."""

from fastapi import FastAPI

from services.evaluation.api import activities, indicators, scorecards
from services.evaluation.wiring import Wired
from shared.http import new_app
from shared.jobs import Job


def create_app(wired: Wired) -> FastAPI:
    """Score cards and what they mean."""
    app = new_app(
        "evaluation",
        title="Wangge evaluation 综合评价",
        description="Counters and rates of regions, handling units and posts, counted from the facts of every case.",
        wired=wired,
        authenticator=wired.auth,
        settings=wired.settings,
        readiness=wired.readiness,
    )
    app.include_router(scorecards.router)
    app.include_router(indicators.router)
    app.include_router(activities.router)
    return app


def api_jobs(wired: Wired) -> list[Job]:
    """What every replica that answers requests needs: the keys that open it."""
    return [wired.keys.job(), *wired.auth.jobs()]
