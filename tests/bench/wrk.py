"""wrk: a load generator in C, in a process of its own, that leaves the two cores to what is measured."""

import asyncio
import json
import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from tests.bench.measure import BenchTrouble

JSON = "application/json"
SCRIPT = Path(__file__).with_name("wrk.lua")


class Load(NamedTuple):
    """What was answered: requests a second, and milliseconds from request to answer."""

    rate: float
    p50: float
    p99: float


def program() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise BenchTrouble(
            "the load comes from wrk, and there is none: install it (Debian, Ubuntu: apt-get install wrk)"
        )
    return found


async def post(
    url: str,
    bodies: Path,
    *,
    key: str,
    connections: int,
    seconds: float,
    idempotent: bool = False,
    kind: str = JSON,
) -> Load:
    """Post the lines of `bodies` in turn, each connection its next one once it was answered. All must be taken."""
    environment = os.environ | {
        "BENCH_BODIES": str(bodies),
        "BENCH_KEY": key,
        "BENCH_TYPE": kind,
        "BENCH_IDEMPOTENT": "1" if idempotent else "0",
        "BENCH_NONCE": f"{time.time_ns():x}",
    }
    child = await asyncio.create_subprocess_exec(
        *(program(), "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT), url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    output = (await child.communicate())[0].decode()
    line = next((line for line in output.splitlines() if line.startswith("BENCH ")), None)
    if line is None:
        raise BenchTrouble(f"wrk failed: {output.strip()[-400:]}")
    found = json.loads(line[6:])
    if found["refused"] or found["broken"]:
        raise BenchTrouble(f"{url}: {found['refused']} refused, {found['broken']} broken of {found['requests']}")
    return Load(found["requests"] / found["microseconds"] * 1e6, found["p50"] / 1e3, found["p99"] / 1e3)
