"""The four services behind one door: `/intake /dispatch /evaluation /notify`, and the landing page at `/`."""

from collections.abc import Mapping, Sequence

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from services.city import problems
from shared.health import Readiness
from shared.http import PROBLEM_JSON


def house(apps: Mapping[str, FastAPI], readiness: Mapping[str, Readiness], pages: Sequence[BaseRoute]) -> Starlette:
    """One app. `/readyz` answers 200 when every part of every service is ready."""

    async def livez(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        checks = {name: await ready.ask() for name, ready in readiness.items()}
        ready = all(answer == "ok" for parts in checks.values() for answer in parts.values())
        headers = {} if ready else {"Retry-After": "2"}
        status = "ok" if ready else "not ready"
        return JSONResponse({"status": status, "checks": checks}, 200 if ready else 503, headers)

    routes: list[BaseRoute] = [
        Route("/livez", livez),
        Route("/readyz", readyz),
        *problems.routes(),
        *(Mount(f"/{name}", app) for name, app in apps.items()),
        *pages,
    ]
    return Starlette(routes=routes, exception_handlers={404: _nothing_here})


def _nothing_here(request: Request, error: Exception) -> Response:
    body = {
        "type": "/problems/not-found",
        "title": "No such thing",
        "title_zh": "未找到",
        "status": 404,
        "detail": "the services are at /intake, /dispatch, /evaluation and /notify; each lists its routes at /docs",
        "instance": request.url.path,
        "errors": [],
    }
    return JSONResponse(body, 404, media_type=PROBLEM_JSON)
