"""The faults: each does its harm, ends it, and starts again what it ended itself. What follows is nobody's business."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from deploy.kafka.broker import Broker
from tests.chaos.book import Book, Poison
from tests.chaos.brokers import Brokers
from tests.chaos.oracle import CASES, REPORTS
from tests.chaos.serve import AFTER_COMMIT, AFTER_PUBLISH
from tests.chaos.stack import LAYOUT, SERVICES, Server, Stack

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class Scene(NamedTuple):
    """Where a fault happens; `rng` is the fault's own, so that it does the same in every run of a seed."""

    stack: Stack
    book: Book
    rng: random.Random


Fault = Callable[[Scene], Awaitable[str]]
"""Returns what was done, for the log."""


class Impossible(Exception):
    """This fault cannot be done here; says why."""


def kill(service: str, role: str) -> Fault:
    """kill -9 of one process; started again after a moment."""

    async def do(scene: Scene) -> str:
        server = scene.rng.choice(scene.stack.of(service, role))
        await server.kill()
        await _later(scene, 0.2, 3.0)
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
        await _later(scene, 0.2, 3.0)
        for server in servers:
            if not server.running:
                await server.start()
        return f"{service}: {dead.name if dead else 'nobody came there within 30 s'}"

    return do


async def kill_kafka(scene: Scene) -> str:
    kafka = scene.stack.kafka
    if isinstance(kafka, Brokers):
        return await lose_broker(scene)
    await asyncio.to_thread(kafka.kill)
    await _later(scene, 0.5, 8.0)
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
    await _later(scene, 0.2, 5.0)
    await scene.stack.start_postgres()
    return ""


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


def cut(names: Sequence[str]) -> Fault:
    """Every connection through one proxy is reset, a few times in a row."""

    async def do(scene: Scene) -> str:
        proxy = scene.stack.proxies[scene.rng.choice(names)]
        if proxy.name == "kafka" and scene.stack.three:
            proxy = scene.stack.proxies["postgres"]
        number = 0
        for _ in range(scene.rng.randint(1, 5)):
            number += proxy.reset()
            await _later(scene, 0.0, 1.0)
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
        raise Impossible("the disk is not a small one of our own (mounting one takes root)")
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
    await _later(scene, 8, 20)
    await scene.stack.start_kafka()
    return f"node {node}"


async def send_poison(scene: Scene) -> str:
    """No event at all; an event whose data cannot be read; and a second version of the same that must wait for it."""
    topic = scene.rng.choice((REPORTS, CASES))
    kind = b"report.received.v1" if topic == REPORTS else b"case.closed.v1"
    subject, key = str(uuid4()), "110108.001.001.001"
    producer = AIOKafkaProducer(bootstrap_servers=scene.stack.kafka.bootstrap, request_timeout_ms=10_000)
    await producer.start()
    try:
        partition = scene.rng.randrange(12)
        sent = await producer.send_and_wait(topic, b"\xff not an event", key=key.encode(), partition=partition)
        scene.book.send_poison(Poison(topic, partition, sent.offset, None, None, "undecodable"))
        for sequence, reason in ((1, "poison"), (2, "held")):
            headers = [
                ("ce_specversion", b"1.0"),
                ("ce_id", str(uuid4()).encode()),
                ("ce_source", b"/chaos"),
                ("ce_type", kind),
                ("ce_subject", subject.encode()),
                ("ce_time", b"2026-01-01T00:00:00+00:00"),
                ("ce_sequence", b"%010d" % sequence),
                ("ce_partitionkey", key.encode()),
                ("ce_routingkey", key.encode()),
                ("content-type", b"application/json"),
            ]
            sent = await producer.send_and_wait(
                topic, b'{"broken":', key=key.encode(), partition=partition, headers=headers
            )
            scene.book.send_poison(Poison(topic, partition, sent.offset, subject, sequence, reason))
    finally:
        await producer.stop()
    return topic


async def roll(scene: Scene) -> str:
    """Every worker, one after the other, ended as an orchestrator ends it and started again."""
    for server in scene.stack.servers:
        if server.role == "worker":
            await server.end()
            await server.start()
            for _ in range(200):
                if await server.is_ready():
                    break
                await asyncio.sleep(0.2)
    return ""


async def shift_clock(scene: Scene) -> str:
    """One worker lives five minutes ahead of, or behind, everybody else for a while."""
    if not FAKETIME.exists():
        raise Impossible("libfaketime is not installed (Debian: apt-get install libfaketime)")
    server = scene.rng.choice([s for s in scene.stack.servers if s.role == "worker"])
    shift = scene.rng.choice(("+300", "-300"))
    for more in ({"LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}, {}):
        await server.end()
        server.more = more
        await server.start()
        if more:
            await asyncio.sleep(20)
    return f"{server.name} {shift} s"


WORKERS = (("intake", "worker"), ("dispatch", "worker"), ("evaluation", "worker"), ("notify", "worker"))
FAULTS: Mapping[str, Fault] = {
    **{f"kill {service} {role}": kill(service, role) for service, role in dict.fromkeys(LAYOUT)},
    "kill the relay between publish and delete": die_at(AFTER_PUBLISH, ("intake", "dispatch")),
    "kill a consumer between transaction and offset": die_at(AFTER_COMMIT, SERVICES),
    "kill Kafka": kill_kafka,
    "kill Postgres": kill_postgres,
    "freeze for 20 s": freeze(tuple(dict.fromkeys(LAYOUT))),
    "freeze a worker for 20 s": freeze(WORKERS),
    "reset connections of clients": cut(SERVICES),
    "reset connections to the servers": cut(("postgres", "kafka")),
    "Postgres out of connections": fill_postgres,
    "disk full": fill_disk,
    "lose a broker": lose_broker,
    "poison": send_poison,
    "rolling restart of the workers": roll,
    "a worker's clock five minutes off": shift_clock,
}
LONG_ONLY = frozenset({"disk full", "a worker's clock five minutes off"})
THREE_ONLY = frozenset({"lose a broker"})
ONE_ONLY = frozenset({"kill Kafka"})


def plan(seed: int, rounds: int, *, long: bool, three: bool, only: str = "") -> list[str]:
    """Which fault comes when: every kind (whose name has `only` in it) once before any comes twice, shuffled anew."""
    left_out = (frozenset() if long else LONG_ONLY) | (ONE_ONLY if three else THREE_ONLY)
    rng = random.Random(seed)
    planned: list[str] = []
    while len(planned) < rounds:
        deck = [name for name in FAULTS if name not in left_out and only in name]
        rng.shuffle(deck)
        planned += deck
    return planned[:rounds]


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry.name))
    return found


async def _later(scene: Scene, least: float, most: float) -> None:
    await asyncio.sleep(scene.rng.uniform(least, most))
