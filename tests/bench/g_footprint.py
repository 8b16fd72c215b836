"""Row g: memory and start-up: each service by itself, and all of them in one process."""

import asyncio
import time

from services.city.parts import SERVICES
from tests.bench import processor
from tests.bench.measure import Figure, Result, at_most
from tests.bench.processes import Process, folder, postgres, running, serving, set_up

TITLE = "memory and start-up"
PACK = "haidian"
ROUNDS = 3
REST_SECONDS = 5.0


async def run() -> Result:
    memory: dict[str, list[float]] = {name: [] for name in (*SERVICES, "all in one")}
    ready: dict[str, list[float]] = {name: [] for name in memory}

    async def look(name: str, process: Process) -> None:
        began = time.monotonic()
        async with running([process]):
            ready[name].append(time.monotonic() - began)
            await asyncio.sleep(REST_SECONDS)
            assert process.child is not None
            memory[name].append(processor.resident_mb(process.child.pid))

    async with folder() as where, postgres(where) as server:
        settings, _ = await set_up(server.dsn, PACK, where)
        for _ in range(ROUNDS):
            for service in SERVICES:
                await look(service, serving(service, "all", settings, where))
    async with folder() as where:
        arguments = ("services.city", "up", "--data", str(where / "data"), "--no-demo")
        async with running([Process("up", arguments, {}, where / "up.log")]):
            pass  # the first start makes the database and the areas; the others find them
        for _ in range(ROUNDS):
            await look("all in one", Process("up", arguments, {}, where / "up.log"))
    figures = [at_most(f"memory: {name}", "MB", memory[name], 150) for name in SERVICES]
    figures.append(Figure("memory: all in one, without its Postgres", "MB", memory["all in one"]))
    figures += [at_most(f"ready: {name}", "s", samples, 10) for name, samples in ready.items()]
    notes = [
        f"Resident set size {REST_SECONDS:.0f} s after it was ready, at rest, on the pack {PACK} with 8,562 grids; "
        "what processes share counts for each. "
        "*ready* is from the start of the process to the first 200 of `/readyz`. *All in one* starts its Postgres too, "
        "on a folder that it made before."
    ]
    holds = "Intake holds the grid index in memory; the rest is Python and its libraries, which each process has anew."
    return Result("g", TITLE, figures, notes, holds)
