"""Records that cannot be applied, for ever or for a while, and the operator who comes to see about them."""

import asyncio
import os
import sys
import time
from contextlib import suppress
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from tests.chaos.book import Book, Poison
from tests.chaos.faults.scene import Scene
from tests.chaos.oracle.topics import CASES, READERS, REPORTS
from tests.chaos.serve import CANNOT_APPLY
from tests.chaos.stack import SERVICES, Stack

# An operator's command; longer than any of them takes on a busy machine.
COMMAND_SECONDS = 60.0
# In which an operator gets it done, whatever else happens meanwhile.
OPERATOR_SECONDS = 300.0


async def send_poison(scene: Scene) -> str:
    """No event at all; an event whose data cannot be read; and a second version of the same that must wait for it.

    Sometimes an operator has them replayed: they stay what they are.
    """
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
    if scene.rng.random() < 0.5:
        return topic
    after = scene.rng.uniform(2, 15)
    scene.send(_replay_in_vain(scene, topic, after))
    return f"{topic}, replayed in vain {after:.0f} s later"


async def cannot_apply(scene: Scene) -> str:
    """A service fails at a good record and parks it; an operator mends the cause and replays, whatever else goes on."""
    service = scene.rng.choice(SERVICES)
    after = scene.rng.uniform(3, 25)
    for server in scene.stack.of(service, "worker"):
        (server.seams / CANNOT_APPLY).touch()
    scene.send(_mend_and_replay(scene, service, after))
    await asyncio.sleep(scene.rng.uniform(1, 4))
    return f"{service}, mended and replayed {after:.0f} s later"


async def replay_what_is_left(stack: Stack, book: Book) -> int:
    """What was still being parked while the cause was mended. How many."""
    return sum([await _replay(stack, book, service) for service in SERVICES])


async def _mend_and_replay(scene: Scene, service: str, after: float) -> int:
    await asyncio.sleep(after)
    for server in scene.stack.of(service, "worker"):
        (server.seams / CANNOT_APPLY).unlink(missing_ok=True)
    return await _replay(scene.stack, scene.book, service)


async def _replay(stack: Stack, book: Book, service: str) -> int:
    """Until nothing is parked any more that could not be applied for a while. Raises AssertionError if that fails."""
    until = time.monotonic() + OPERATOR_SECONDS
    seen: set[int] = set()
    while True:
        with suppress(asyncpg.PostgresError, OSError, TimeoutError):
            numbers = await _parked(stack, book, service)
            if not numbers:
                return len(seen)
            seen |= set(numbers)
            await operate(stack, "parked", "replay", service, *map(str, numbers))
        assert time.monotonic() < until, f"{service}: replay did not settle {sorted(seen)}"
        await asyncio.sleep(1)


async def _parked(stack: Stack, book: Book, service: str) -> list[int]:
    """The numbers of the records that a seam has made fail, and that are not bad themselves."""
    bad = {(poison.topic, poison.partition, poison.offset) for poison in book.poison}
    connection = await asyncpg.connect(stack.postgres.dsn, timeout=5)
    try:
        rows = await connection.fetch(
            f"""SELECT id, topic, partition, "offset" FROM {service}.inbox_parked
                 WHERE reason = 'poison' AND error LIKE '%{CANNOT_APPLY}%' ORDER BY id"""
        )
    finally:
        await connection.close(timeout=5)
    return [row["id"] for row in rows if (row["topic"], row["partition"], row["offset"]) not in bad]


async def _replay_in_vain(scene: Scene, topic: str, after: float) -> int:
    """Everything that is parked, by those who read `topic`; done once, whatever comes of it."""
    await asyncio.sleep(after)
    for service, _ in READERS[topic]:
        await operate(scene.stack, "parked", "replay", service)
    return 0


async def operate(stack: Stack, *arguments: str) -> bool:
    """A command as an operator types it, under the pack's rules as serve.py changes them; whether it succeeded."""
    seams = stack.folder / "seams" / "operator"
    seams.mkdir(parents=True, exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANGGE_")} | stack.settings
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.serve", *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment | {"CHAOS_SEAMS": str(seams)},
    )
    try:
        return await asyncio.wait_for(child.wait(), COMMAND_SECONDS) == 0
    except TimeoutError:
        return False
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
