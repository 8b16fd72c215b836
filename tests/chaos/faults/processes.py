"""What befalls the processes of the services."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.faults.scene import Fault, Impossible, Scene, pause
from tests.chaos.server import Server

# Debian's, whatever the machine's architecture.
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def kill(service: str, role: str) -> Fault:
    """kill -9 of one process; started again after a moment."""

    async def do(scene: Scene) -> str:
        server = scene.rng.choice(scene.stack.of(service, role))
        await server.kill()
        await pause(scene, 0.2, 3.0)
        await server.start()
        return server.name

    return do


def die_at(seam: str, services: Sequence[str]) -> Fault:
    """A worker kills itself at the worst moment of its loop, the next time it comes there."""

    async def do(scene: Scene) -> str:
        service = scene.rng.choice(services)
        servers = scene.stack.of(service, "worker")
        for server in servers:
            (server.seams / seam).touch()
            server.meant_to_run = False
        dead: Server | None = None
        for _ in range(300):
            dead = next((server for server in servers if not server.running), None)
            if dead is not None:
                break
            await asyncio.sleep(0.1)
        for server in servers:
            (server.seams / seam).unlink(missing_ok=True)
            server.meant_to_run = True
        await pause(scene, 0.2, 3.0)
        for server in servers:
            if not server.running:
                await server.start()
        return f"{service}: {dead.name if dead else 'nobody came there within 30 s'}"

    return do


def freeze(roles: Sequence[tuple[str, str]]) -> Fault:
    """SIGSTOP for 20 s: the process wakes up as a zombie whose partitions and shards others have taken."""

    async def do(scene: Scene) -> str:
        service, role = scene.rng.choice(roles)
        server = scene.rng.choice(scene.stack.of(service, role))
        if not server.running:
            return f"{server.name} had ended by itself"
        server.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(20)
        finally:
            if server.running:
                server.signal(signal.SIGCONT)
        return server.name

    return do


async def roll(scene: Scene) -> str:
    """Every worker, one after the other, ended as an orchestrator ends it and started again."""
    stubborn = []
    for server in scene.stack.servers:
        if server.role == "worker":
            if not await server.end():
                stubborn.append(f"{server.name} had to be killed")
            await server.start()
            for _ in range(200):
                if await server.is_ready():
                    break
                await asyncio.sleep(0.2)
    return ", ".join(stubborn)


async def shift_clock(scene: Scene) -> str:
    """One worker lives five minutes ahead of, or behind, everybody else for a while."""
    if FAKETIME is None:
        raise Impossible("it takes libfaketime: apt-get install libfaketime")
    server = scene.rng.choice([s for s in scene.stack.servers if s.role == "worker"])
    shift = scene.rng.choice(("+300", "-300"))
    stubborn = ""
    for more in ({"LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}, {}):
        if not await server.end():
            stubborn += f", had to be killed {'before' if more else 'after'}"
        server.more = more
        await server.start()
        if more:
            await asyncio.sleep(20)
    return f"{server.name} {shift} s{stubborn}"
