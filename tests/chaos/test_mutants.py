"""The oracle against real processes that break one promise each: what it says then must name that promise.

One small city for all of them, each service in one process, nobody listening. What a mutant did stays done, so a
mutant is caught when its own finding has grown.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.book import Book
from tests.chaos.clients import Load, until_true
from tests.chaos.gather import gather
from tests.chaos.oracle import Finding, check
from tests.chaos.serve import AFTER_PUBLISH
from tests.chaos.server import Server
from tests.chaos.stack import SERVICES, Stack

pytestmark = [pytest.mark.slow, pytest.mark.alone]

# Conditions are waited for, and none of them is about how fast: what lasts this long never comes.
PATIENCE = 300.0
Findings = Mapping[str, Finding]


@dataclass
class Small:
    stack: Stack
    book: Book
    load: Load

    def server(self, service: str) -> Server:
        return self.stack.of(service, "all")[0]

    @property
    def answers(self) -> int:
        return sum(len(answers) for answers in self.book.answered.values())

    async def judged(self) -> Findings:
        """The findings once nothing is under way any more."""
        await self.stack.all_ready()
        assert await self.load.hold(), f"{self.load.door.under_way} requests were never answered"
        return {finding.what: finding for finding in check(await gather(self.stack, self.book))}

    async def judged_until(self, enough: Callable[[Findings], bool], seconds: float = PATIENCE) -> Findings:
        """The first findings that are `enough`, or the last after so many seconds."""
        until = time.monotonic() + seconds
        while not enough(findings := await self.judged()) and time.monotonic() < until:
            await asyncio.sleep(1.0)
        return findings

    async def as_mutant(self, service: str, name: str) -> None:
        await self.again(self.server(service), {"CHAOS_MUTANT": name})

    async def again(self, server: Server, more: dict[str, str]) -> None:
        await server.end()
        server.more = more
        await server.start()
        await self.stack.all_ready()


@pytest.fixture(scope="module")
async def small() -> AsyncIterator[Small]:
    folder = Path(tempfile.mkdtemp(prefix="wgc-"))
    folder.chmod(0o755)
    stack = Stack(folder, folder / "data", brokers=1, layout=tuple((service, "all") for service in SERVICES))
    book = Book(folder / "book.jsonl")
    async with AsyncExitStack() as ending:
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        ending.push_async_callback(stack.stop)
        await stack.start()
        book.open()
        ending.callback(book.close)
        together = await ending.enter_async_context(asyncio.TaskGroup())
        ending.callback(together.create_task(stack.watch()).cancel)
        load = Load(stack, book, pace=5.0, workers=4, adopt=False)
        await ending.enter_async_context(load.running())
        yield Small(stack, book, load)


async def test_without_a_mutant_nothing_is_found(small: Small) -> None:
    small.load.go_on()
    assert await until_true(lambda: small.answers > 50, PATIENCE), f"{small.answers} answers"
    assert await small.judged_until(lambda findings: not findings) == {}


@pytest.mark.parametrize(
    ("mutant", "service", "found"),
    [
        ("one-event-applied-twice", "notify", "in the log more than once"),
        ("no-inbox-check", "notify", "in the log more than once"),
        ("one-row-dropped", "dispatch", "put into an outbox and on no topic"),
        ("delete-before-ack", "dispatch", "put into an outbox and on no topic"),
        ("version-swapped", "dispatch", "on a topic under another name than in the outbox"),
    ],
)
async def test_a_mutant_is_caught(small: Small, mutant: str, service: str, found: str) -> None:
    def number(findings: Findings) -> int:
        return findings[found].number if found in findings else 0

    before = number(await small.judged())
    await small.as_mutant(service, mutant)
    # What is applied without looking does harm when something comes again: the relay dies after its publish.
    victim, marker = small.server(service), mutant
    if mutant == "no-inbox-check":
        victim, marker = small.server("dispatch"), AFTER_PUBLISH
    (victim.seams / marker).touch()
    small.load.go_on()
    assert await until_true(lambda: not (victim.seams / marker).exists(), PATIENCE), "the mutant was never asked"
    after = await small.judged_until(lambda findings: number(findings) > before)
    assert number(after) > before, f"{mutant} was not caught: {before} before, then {after}"
    await small.again(small.server(service), {})
