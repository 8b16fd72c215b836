"""Is it alive, and is it ready: for load balancers, Kubernetes and people."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from fastapi.responses import JSONResponse

Check = Callable[[], Awaitable[None]]
"""Returns when the part is fine; raises with words that say what is wrong."""

CHECK_SECONDS = 2.0


class Readiness:
    """Named checks that must all pass. A part that is down makes the process not ready, never dead."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)

    async def ask(self) -> dict[str, str]:
        """Each check's name → "ok", or what is wrong."""

        async def one(check: Check) -> str:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await check()
            except TimeoutError:
                return f"no answer within {CHECK_SECONDS:g} s"
            except Exception as error:
                return str(error) or type(error).__name__
            return "ok"

        answers = await asyncio.gather(*(one(check) for check in self._checks.values()))
        return dict(zip(self._checks, answers, strict=True))


def add_health_routes(app: FastAPI, readiness: Readiness) -> None:
    """`/livez`: the process answers. `/readyz`: 200 when every check passes, else 503 with each check's words."""

    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        checks = await readiness.ask()
        ready = all(answer == "ok" for answer in checks.values())
        headers = {} if ready else {"Retry-After": "2"}
        status = "ok" if ready else "not ready"
        return JSONResponse({"status": status, "checks": checks}, 200 if ready else 503, headers)
