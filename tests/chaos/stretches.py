"""A run: some faults under load, then quiet, then the oracle; and again, until the plan is done."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import UTC, datetime

import asyncpg
from aiokafka.errors import KafkaError

from deploy.kafka.broker import free_port
from tests.chaos.book import Book
from tests.chaos.clients import LISTENERS, Load, hooked, listen
from tests.chaos.evidence import Evidence
from tests.chaos.faults import FAULTS, Impossible, Scene, plan
from tests.chaos.faults.records import replay_what_is_left
from tests.chaos.gather import gather, read_ends, read_lag
from tests.chaos.oracle import check
from tests.chaos.stack import SERVICES, Stack
from tests.chaos.state import State
from tests.chaos.timing import lateness
from tests.e2e.split import wangge

STRETCH = 5
QUIET_SECONDS = 300.0


class Failed(Exception):
    """A promise was broken; the findings are the message."""


class Run:
    """One run on one stack."""

    def __init__(
        self, stack: Stack, state: State, *, long: bool, pace: float, only: str, say: Callable[[str], None]
    ) -> None:
        self.stack, self.state, self.say = stack, state, say
        self._only = only
        self._up_since = datetime.now(UTC)
        self.book = Book(stack.folder / "book.jsonl")
        self._long, self._pace = long, pace
        self._path = stack.folder / "state.json"

    async def go(self) -> None:
        """All that is left of the plan. Raises Failed."""
        began, before = time.monotonic(), self.state.seconds
        planned = plan(self.state.seed, self.state.rounds, long=self._long, three=self.stack.three, only=self._only)
        async with AsyncExitStack() as ending:
            self.book.open()
            ending.callback(self.book.close)
            ending.push_async_callback(self.stack.stop)
            await self.stack.start()
            self._up_since = datetime.now(UTC)
            self.say(f"{len(self.stack.servers)} processes ready after {time.monotonic() - began:.0f} s")
            rng = random.Random(self.state.seed)
            port_file = self.stack.folder / "hook-port"
            if not port_file.exists():
                port_file.write_text(str(free_port()))
            await ending.enter_async_context(hooked(self.stack, self.book, int(port_file.read_text()), rng))
            together = await ending.enter_async_context(asyncio.TaskGroup())
            listeners = [
                together.create_task(listen(self.stack, self.book, name, prefix, rng))
                for name, prefix in LISTENERS.items()
            ]
            for task in listeners:
                ending.callback(task.cancel)
            watching = together.create_task(self.stack.watch())
            ending.callback(watching.cancel)
            load = Load(self.stack, self.book, pace=self._pace, workers=8, adopt=self.state.done > 0)
            await ending.enter_async_context(load.running())
            while self.state.done < len(planned):
                stretch = planned[self.state.done : self.state.done + STRETCH]
                await self._stretch(load, together, stretch)
                self.state.seconds = before + time.monotonic() - began
                self._path.write_text(json.dumps(asdict(self.state)))

    async def _stretch(self, load: Load, together: asyncio.TaskGroup, stretch: list[str]) -> None:
        """Some faults under load, then quiet, then the oracle."""
        load.go_on()
        alone = asyncio.create_task(load.leave_alone(4))
        operators: list[asyncio.Task[int]] = []
        began = time.monotonic()
        for n, name in enumerate(stretch, start=self.state.done):
            rng = random.Random(f"{self.state.seed}/{n}")
            await asyncio.sleep(rng.uniform(1, 5))
            at = time.monotonic()
            try:
                done = await FAULTS[name](Scene(self.stack, self.book, rng, together, operators))
            except Impossible as why:
                self.state.left_out.append(name)
                self.say(f"{n + 1:3} {name}: left out, {why}")
                continue
            self.state.faults.append(name)
            self.say(f"{n + 1:3} {name}{f' ({done})' if done else ''}: {time.monotonic() - at:.1f} s")
        healed = time.monotonic()
        for name, seconds in (await self.stack.all_ready()).items():
            if seconds > 10:
                self.say(f"    {name} was ready {seconds:.0f} s after the last fault")
        ready = time.monotonic() - healed
        await alone
        # The clocks of the reports left alone run out within 60 s.
        answered = await load.hold()
        shut = time.monotonic() - healed
        quiet = await self._until_quiet()
        self.state.quiet_after.append(round(quiet - healed, 1))
        self.state.replayed += await self._settled(operators)
        await asyncio.sleep(max(0.0, began + 64 - time.monotonic()))
        evidence = await gather(self.stack, self.book)
        findings = [str(finding) for finding in check(evidence)]
        if not answered:
            findings.append(f"0. {load.door.under_way} requests were not answered")
        self._note(evidence, load)
        if findings:
            raise Failed("\n".join(findings))
        await self._release(evidence)
        self.state.done += len(stretch)
        self.say(
            f"    after the last fault all ready {ready:.1f} s, all answered {shut:.1f} s, "
            f"lag 0 {self.state.quiet_after[-1]:.1f} s; {self.state.reports} reports, "
            f"{len(evidence.cases)} cases, {self.state.events} events: nothing lost, nothing doubled"
        )

    async def _settled(self, operators: list[asyncio.Task[int]]) -> int:
        """Until the operators are done and all is quiet again; how many records were replayed."""
        replayed = sum(await asyncio.gather(*operators))
        replayed += await replay_what_is_left(self.stack, self.book)
        if replayed:
            await self._until_quiet()
        return replayed

    async def _until_quiet(self) -> float:
        """When nothing waited any more, with nobody's help but a supervisor's. Not later than QUIET_SECONDS."""
        began = at = time.monotonic()
        waits = said = ""
        while time.monotonic() < began + QUIET_SECONDS:
            await self.stack.supervise()
            try:
                waits = await self._what_waits()
            except (OSError, asyncpg.PostgresError, KafkaError, TimeoutError) as error:
                waits = f"no answer: {error!r}"
            if not waits:
                return time.monotonic()
            if waits.partition(":")[0] != said:
                said, at = waits.partition(":")[0], time.monotonic()
            elif time.monotonic() - at > 10:
                at = time.monotonic()
                self.say(f"    after {at - began:.0f} s still: {waits}")
            await asyncio.sleep(0.2)
        self.say(f"    not quiet after {QUIET_SECONDS:.0f} s: {waits}")
        return time.monotonic()

    async def _what_waits(self) -> str:
        ends = await read_ends(self.stack)
        connection = await asyncpg.connect(self.stack.postgres.dsn, timeout=5)
        try:
            for schema in SERVICES:
                if number := await connection.fetchval(f"SELECT count(*) FROM {schema}.outbox"):
                    return f"outbox of {schema}: {number} rows"
            lag = await read_lag(connection, ends)
            if late := {name: n for name, n in lag.items() if n}:
                return f"lag: {late}"
            head = await connection.fetchval("SELECT position FROM notify.head")
            waiting = await connection.fetchval(
                "SELECT (SELECT count(*) FROM notify.webhook_waiting) + max($1 - position) FROM notify.webhooks", head
            )
        finally:
            await connection.close()
        if waiting:
            return f"the webhook: {waiting} events"
        if self.book.last_token("city") < head:
            return f"the stream: at {self.book.last_token('city')} of {head}"
        if late_ones := [server.name for server in self.stack.servers if not await server.is_ready()]:
            return f"not ready: {', '.join(late_ones)}"
        return ""

    async def _release(self, evidence: Evidence) -> None:
        """What an operator does about poison: look, and drop it; behind it the held one is tried, and goes as well."""
        if not evidence.parked:
            return
        settings = self.stack.settings
        for _ in range(2):
            connection = await asyncpg.connect(self.stack.postgres.dsn)
            rows = [
                (schema, row["id"])
                for schema in SERVICES
                for row in await connection.fetch(
                    f"SELECT id FROM {schema}.inbox_parked WHERE reason IN ('poison', 'undecodable') ORDER BY id"
                )
            ]
            await connection.close()
            for schema, number in rows:
                await wangge(settings, "parked", "drop", schema, str(number))
        connection = await asyncpg.connect(self.stack.postgres.dsn)
        left = [await connection.fetchval(f"SELECT count(*) FROM {schema}.inbox_parked") for schema in SERVICES]
        await connection.close()
        if sum(left):
            raise Failed(f"7. still parked after every poison was dropped: {dict(zip(SERVICES, left, strict=True))}")
        self.state.poison += len(self.book.poison)
        self.book.forget_poison()

    def _note(self, evidence: Evidence, load: Load) -> None:
        self.state.restarts = len(self.stack.restarts)
        self.state.reports = len(evidence.reports)
        self.state.acts = sum(1 for steps in evidence.timeline.values() for s in steps if s.actor != "system")
        self.state.events = len(evidence.messages)
        self.state.marks_late = max([self.state.marks_late, *lateness(evidence, self._up_since)])
