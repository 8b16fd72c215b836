"""Batches over a real connection: read as they come, in constant memory, whatever the other side does."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from services.intake.commands import find_duplicates, receive_batch
from tests.integration.intake.conftest import Place, city, demo_areas
from tests.integration.intake.doors import served

PATH = "/intake/v1/reports/batch"


class Sender:
    """A client that sends and reads as it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int, headers: dict[str, str], key: str | None = None) -> "AsyncIterator[Sender]":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        sent = {"Host": "city", "Transfer-Encoding": "chunked", **headers}
        if key is not None:
            sent["Idempotency-Key"] = key
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode())
        yield cls(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def send(self, content: bytes) -> None:
        self._writer.write(b"%x\r\n%b\r\n" % (len(content), content))
        await self._writer.drain()

    async def lines(self, bodies: list[Any]) -> None:
        await self.send(b"".join(orjson.dumps(body) + b"\n" for body in bodies))

    async def end(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The answer as it comes; its end is an end, or this fails."""
        if not self.status:
            self.status = int((await self._reader.readuntil(b"\r\n\r\n")).split()[1])
        while size := int(await self._reader.readline(), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)

    async def answers(self, least: int | None = None) -> list[dict[str, Any]]:
        """The answers until there are `least`, or to the end."""
        raw = b""
        async with asyncio.timeout(60):
            async for chunk in self.chunks():
                raw += chunk
                if least is not None and raw.count(b"\n") >= least:
                    break
        return [orjson.loads(line) for line in raw.splitlines()]

    def hang_up(self) -> None:
        self._writer.transport.abort()


async def held(intake: Place) -> int:
    """Transactions that nobody is at work in, and locks of batches."""
    idle: int = await intake.wired.pool.fetchval(
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state LIKE 'idle in transaction%')"
        " + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    return idle


async def test_a_part_is_answered_while_the_rest_is_still_to_come(intake: Place) -> None:
    before = await intake.count()
    async with served(intake) as port, Sender.open(port, intake.app) as sender:
        await sender.lines([intake.body() for _ in range(1_400)])
        first = await sender.answers(least=1_000)
        assert ([a["line"] for a in first], sender.status) == ([*range(1, 1_001)], 200)
        assert (await intake.count())[0] - before[0] == 1_000
        assert await held(intake) == 0, "a slow sender holds what others may need"
        await sender.lines([intake.body() for _ in range(100)])
        await sender.end()
        assert [a["line"] for a in await sender.answers()] == [*range(1_001, 1_501)]
    assert (await intake.count())[0] - before[0] == 1_500


async def test_a_connection_that_breaks_costs_what_was_not_answered_and_the_key_brings_it(intake: Place) -> None:
    bodies, key = [intake.body() for _ in range(2_200)], uuid4().hex
    before = await intake.count()
    async with served(intake) as port:
        async with Sender.open(port, intake.app, key) as sender:
            await sender.lines(bodies[:1_700])
            first = await sender.answers(least=1_000)
            sender.hang_up()
        await asyncio.sleep(0.3)
        assert (await intake.count())[0] - before[0] == 1_000
        async with Sender.open(port, intake.app, key) as sender:
            await sender.lines(bodies)
            await sender.end()
            answers = await sender.answers()
    assert [a["status"] for a in answers] == [201] * 2_200
    assert answers[:1_000] == first
    assert (await intake.count())[0] - before[0] == 2_200


async def test_who_sends_everything_before_reading_anything_gets_all_answers(intake: Place) -> None:
    # A refusal with a long list of reasons, so that the answers are more than all buffers between the two hold.
    bad = {"category": "c", **{f"unknown_{n}": 0 for n in range(90)}}
    async with served(intake) as port, Sender.open(port, intake.app) as sender:
        for _ in range(25):
            await sender.lines([bad] * 90 + [intake.body()] * 10)
        await sender.end()
        until = time.monotonic() + 30
        while await held(intake):
            assert time.monotonic() < until, "one who does not read holds what others may need"
            await asyncio.sleep(0.1)
        size, statuses = 0, []
        tail = b""
        async for chunk in sender.chunks():
            size += len(chunk)
            *whole, tail = (tail + chunk).split(b"\n")
            statuses += [orjson.loads(line)["status"] for line in whole]
    assert statuses == ([422] * 90 + [201] * 10) * 25
    assert size > 4 << 20


async def test_lines_that_cannot_be_read_are_answered_each_in_its_place(intake: Place) -> None:
    limit = intake.wired.settings.max_body_bytes
    async with served(intake) as port, Sender.open(port, intake.app) as sender:
        await sender.lines([intake.body()])
        for _ in range(2 * limit // 65_536):
            await sender.send(b" " * 65_536)
        await sender.send(b"\n\xff\xfe\n" + b'{"category": "\xc3"}\n' + b"[" * 100_000 + b"\n" + b"NaN\n")
        await sender.lines([intake.body()])
        await sender.end()
        answers = await sender.answers()
    assert [a["status"] for a in answers] == [201, 413, 400, 400, 400, 422, 201]
    assert answers[1]["problem"]["type"] == "/problems/line-too-long"


async def test_too_many_lines_end_a_batch_that_had_begun(intake: Place) -> None:
    before = await intake.count()
    padded = [orjson.dumps(intake.body()).ljust(1_000) + b"\n" for _ in range(2_600)]
    async with served(intake) as port, Sender.open(port, intake.app) as sender:
        await sender.send(b"".join(padded))
        await sender.end()
        answers = await sender.answers()
    last = answers.pop()
    assert [a["status"] for a in answers] == [201] * 2_500
    assert (last["line"], last["status"], last["stopped"]) == (2_501, 413, True)
    assert last["problem"]["type"] == "/problems/batch-too-long"
    assert (await intake.count())[0] - before[0] == 2_500


async def test_a_key_that_stands_for_another_batch_from_some_line_on_ends_it_there(intake: Place) -> None:
    bodies, key = [intake.body() for _ in range(1_500)], uuid4().hex
    async with served(intake) as port:
        for other in ([], [intake.body()]):
            before = await intake.count()
            async with Sender.open(port, intake.app, key) as sender:
                await sender.lines(bodies + other)
                await sender.end()
                answers = await sender.answers()
    assert [a["status"] for a in answers] == [201] * 1_000 + [422]
    assert (answers[-1]["line"], answers[-1]["stopped"]) == (1_001, True)
    assert answers[-1]["problem"]["type"] == "/problems/idempotency-key-reused"
    assert await intake.count() == before


async def test_a_bug_in_the_middle_is_told_by_the_last_line(intake: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([0, 1])

    def failing(*args: Any) -> Any:
        if next(calls):
            raise RuntimeError("a bug, with secrets of ours in its words")
        return find_duplicates.beside(*args)

    monkeypatch.setattr(receive_batch, "beside", failing)
    async with served(intake) as port, Sender.open(port, intake.app) as sender:
        await sender.lines([intake.body() for _ in range(1_100)])
        await sender.end()
        answers = await sender.answers()
    assert [a["status"] for a in answers] == [201] * 1_000 + [500]
    assert (answers[-1]["line"], answers[-1]["stopped"]) == (1_001, True)
    assert "secrets" not in str(answers[-1])


# What a part in the making takes, beside the one that is stored: 4 MiB of lines, their rows and facts.
MOST_GROWTH = 32 << 20


async def test_sixty_megabytes_take_the_memory_of_a_few(postgres_dsn: str, tmp_path: Path) -> None:
    async def post(intake: Place, port: int, megabytes: int) -> int:
        """The most that this process held while it was posted; each line is a report of 6 kB."""
        lines, stored, most = megabytes * 1_000_000 // 6_000, 0, 0

        async def sending(sender: Sender) -> None:
            for n in range(0, lines, 50):
                few = (orjson.dumps(intake.body())[:-1].ljust(5_990) + b"}\n" for _ in range(min(50, lines - n)))
                await sender.send(b"".join(few))
            await sender.end()

        async with Sender.open(port, intake.app) as sender:
            posting = asyncio.create_task(sending(sender))
            async for chunk in sender.chunks():
                stored += chunk.count(b'"status":201')
                most = max(most, resident())
            await posting
        assert stored == lines
        return most

    async with city(postgres_dsn, tmp_path, demo_areas(), batch_max_lines=50_000) as intake, served(intake) as port:
        warm = await post(intake, port, 1)
        grown = await post(intake, port, 60) - warm
    assert grown < MOST_GROWTH, f"{grown / (1 << 20):.0f} MiB"
    print(f"60 MB of a batch: {grown / (1 << 20):.1f} MiB more than 1 MB")


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
