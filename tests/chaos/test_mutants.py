"""The oracle against real processes that break one promise each: what it says then must name that promise.

One small city for all of them, each service in one process, nobody listening. What a mutant did stays done, so a
mutant is caught when its own finding has grown.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.book import Book
from tests.chaos.clients import Load, until_true
from tests.chaos.evidence import gather
from tests.chaos.oracle import Finding, check
from tests.chaos.serve import AFTER_PUBLISH
from tests.chaos.stack import SERVICES, Server, Stack

pytestmark = pytest.mark.slow


@dataclass
class Small:
    stack: Stack
    book: Book
    load: Load

    def server(self, service: str) -> Server:
        return self.stack.of(service, "all")[0]

    async def judged(self) -> dict[str, Finding]:
        """The findings once nothing is under way any more."""
        assert await self.load.hold(60)
        return {finding.what: finding for finding in check(await gather(self.stack, self.book, 20))}

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
        load = Load(stack, book, pace=5.0, workers=4, adopt=False)
        await ending.enter_async_context(load.running())
        yield Small(stack, book, load)


async def test_without_a_mutant_nothing_is_found(small: Small) -> None:
    small.load.go_on()
    await asyncio.sleep(6)
    findings: dict[str, Finding] = {"not looked yet": Finding(0, "", (), 0)}
    for _ in range(10):
        if not findings:
            break
        findings = await small.judged()
    assert findings == {}
    assert sum(len(answers) for answers in small.book.answered.values()) > 20


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
    before = (await small.judged()).get(found)
    await small.as_mutant(service, mutant)
    # What is applied without looking does harm when something comes again: the relay dies after its publish.
    victim, marker = small.server(service), mutant
    if mutant == "no-inbox-check":
        victim, marker = small.server("dispatch"), AFTER_PUBLISH
    (victim.seams / marker).touch()
    small.load.go_on()
    assert await until_true(lambda: not (victim.seams / marker).exists(), 40), "the mutant was never asked"
    await asyncio.sleep(3)
    await small.stack.all_ready()
    after = None
    for _ in range(10):
        after = (await small.judged()).get(found)
        if after is not None and (before is None or after.number > before.number):
            break
        await asyncio.sleep(1.0)
    else:
        pytest.fail(f"{mutant} was not caught: before {before}, after {after}")
    await small.again(small.server(service), {})
