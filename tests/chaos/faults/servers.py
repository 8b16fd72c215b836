"""What befalls Postgres, Kafka, the disk under them and the ways to them."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg

from deploy.kafka.broker import Broker
from tests.chaos.brokers import Brokers
from tests.chaos.faults.scene import Fault, Impossible, Scene, pause


async def kill_kafka(scene: Scene) -> str:
    kafka = scene.stack.kafka
    if isinstance(kafka, Brokers):
        return await lose_broker(scene)
    await asyncio.to_thread(kafka.kill)
    await pause(scene, 0.5, 8.0)
    await scene.stack.start_kafka()
    return ""


async def kill_postgres(scene: Scene) -> str:
    """The server and all its processes at once."""
    process = scene.stack.postgres.process
    assert process is not None
    for pid in [process.pid, *_children(process.pid)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    await pause(scene, 0.2, 5.0)
    await scene.stack.start_postgres()
    return ""


def cut(names: Sequence[str]) -> Fault:
    """Every connection through one proxy is reset, a few times in a row."""

    async def do(scene: Scene) -> str:
        proxy = scene.stack.proxies[scene.rng.choice(names)]
        if proxy.name == "kafka" and scene.stack.three:
            proxy = scene.stack.proxies["postgres"]
        number = 0
        for _ in range(scene.rng.randint(1, 5)):
            number += proxy.reset()
            await pause(scene, 0.0, 1.0)
        return f"{proxy.name}: {number} connections"

    return do


async def fill_postgres(scene: Scene) -> str:
    """Every connection is taken; those of the services are ended, and what comes back finds none."""
    taken: list[asyncpg.Connection] = []
    until = asyncio.get_running_loop().time() + scene.rng.uniform(5, 10)
    ended = 0
    try:
        while asyncio.get_running_loop().time() < until:
            try:
                taken.append(await asyncpg.connect(scene.stack.postgres.dsn, timeout=5))
                continue
            except (asyncpg.PostgresError, OSError, TimeoutError):
                pass
            with suppress(asyncpg.PostgresError):
                ended += await taken[0].fetchval(
                    """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                        WHERE application_name LIKE 'wangge-%'"""
                )
            await asyncio.sleep(0.2)
    finally:
        for connection in taken:
            connection.terminate()
    return f"{len(taken)} taken, {ended} ended"


async def fill_disk(scene: Scene) -> str:
    """Not a byte is left for Postgres, Kafka or media for some seconds; who ends by that is started again."""
    data = scene.stack.data
    if not os.path.ismount(data):
        raise Impossible("it takes a small disk of our own: root, or unprivileged user namespaces (unshare)")
    ballast = data / "ballast"
    block = b"\0" * (1 << 20)
    seconds = scene.rng.uniform(4, 10)

    def fill() -> None:
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(block)

    try:
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            await asyncio.to_thread(fill)
            await asyncio.sleep(0.3)
    finally:
        ballast.unlink(missing_ok=True)
    await asyncio.sleep(1)
    return f"{seconds:.0f} s, ended by it: {', '.join(await scene.stack.supervise()) or 'nobody'}"


async def lose_broker(scene: Scene) -> str:
    """Of three brokers the one that leads most partitions; back after a while."""
    kafka = scene.stack.kafka
    if isinstance(kafka, Broker):
        raise Impossible("there is one broker only")
    node = await kafka.busiest()
    await asyncio.to_thread(kafka.lose, node)
    await pause(scene, 8, 20)
    await scene.stack.start_kafka()
    return f"node {node}"


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry.name))
    return found
