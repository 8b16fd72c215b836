"""`make chaos`: real processes, seeded faults under load, and after each stretch the question whether all is well.

    python -m tests.chaos.run --rounds 100 --seed 7

Resumable: a run that was stopped goes on where it was when it is started again with the same seed. A run that fails
keeps its folder, and says in one line how to see it again.
"""

import argparse
import asyncio
import json
import logging
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from aiokafka.errors import KafkaError

from deploy.kafka.broker import BrokerTrouble, free_port
from services.city.trouble import Trouble
from tests.chaos.book import Book
from tests.chaos.clients import LISTENERS, Load, hooked, listen
from tests.chaos.evidence import Evidence, gather, read_ends, read_lag
from tests.chaos.faults import FAULTS, Impossible, Scene, plan
from tests.chaos.oracle import check
from tests.chaos.stack import SERVICES, Stack, mount_small_disk, unmount_small_disk
from tests.chaos.timing import lateness
from tests.e2e.split import wangge

FOLDER = Path(tempfile.gettempdir()) / "wangge-chaos"
DISK_MB = 1_500
STRETCH = 5
QUIET_SECONDS = 180.0


@dataclass
class State:
    """How far a run has come; written after each stretch."""

    seed: int
    rounds: int
    done: int = 0
    faults: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    quiet_after: list[float] = field(default_factory=list)
    restarts: int = 0
    poison: int = 0
    reports: int = 0
    acts: int = 0
    events: int = 0
    marks_late: float = 0.0
    seconds: float = 0.0


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
                await self._stretch(load, stretch)
                self.state.seconds = before + time.monotonic() - began
                self._path.write_text(json.dumps(asdict(self.state)))

    async def _stretch(self, load: Load, stretch: list[str]) -> None:
        """Some faults under load, then quiet, then the oracle."""
        load.go_on()
        alone = asyncio.create_task(load.leave_alone(4))
        began = time.monotonic()
        for n, name in enumerate(stretch, start=self.state.done):
            rng = random.Random(f"{self.state.seed}/{n}")
            await asyncio.sleep(rng.uniform(1, 5))
            at = time.monotonic()
            try:
                done = await FAULTS[name](Scene(self.stack, self.book, rng))
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
        await asyncio.sleep(max(0.0, began + 64 - time.monotonic()))
        evidence = await gather(self.stack, self.book)
        findings = [str(finding) for finding in check(evidence)]
        if not answered:
            findings.append(f"0. {load.door.under_way} requests were not answered within {QUIET_SECONDS:.0f} s")
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


async def run(
    folder: Path, state: State, *, long: bool, three: bool, pace: float, say: Callable[[str], None], only: str = ""
) -> State:
    """A run in `folder`, to its end. Raises what `failures_of` reads."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    if long:
        await asyncio.to_thread(mount_small_disk, data, DISK_MB)
    stack = Stack(folder, data, brokers=3 if three else 1)
    await Run(stack, state, long=long, pace=pace, only=only, say=say).go()
    return state


def failures_of(error: BaseException) -> list[BaseException]:
    """What lies in groups of groups, one by one."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in failures_of(each)]
    return [error]


def clear(folder: Path) -> None:
    unmount_small_disk(folder / "data")
    shutil.rmtree(folder, ignore_errors=True)


def told(state: State) -> str:
    """The outcome in a few lines."""
    quiet = state.quiet_after or [0.0]
    kinds = {name: state.faults.count(name) for name in dict.fromkeys(state.faults)}
    return "\n".join(
        [
            f"{len(state.faults)} faults in {state.seconds / 60:.0f} min: lost 0, doubled 0, hand repairs 0",
            f"{state.reports} reports, {state.acts} acts, {state.events} events; "
            f"{state.poison} poisoned records parked and dropped",
            f"from the last fault to lag 0: median {statistics.median(quiet):.1f} s, worst {max(quiet):.1f} s "
            f"({len(quiet)} times); clocks at most {state.marks_late:.1f} s late; "
            f"{state.restarts} starts by the supervisor",
            *(f"  {number:3}  {name}" for name, number in sorted(kinds.items())),
            *(f"       {name}: left out" for name in sorted(set(state.left_out))),
        ]
    )


def main() -> int:
    import uvloop

    # It tells of every attempt while a broker is away.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    parser = argparse.ArgumentParser(description="Seeded faults under load, and an oracle.")
    parser.add_argument("--rounds", type=int, default=100, help="how many faults")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=4.0, help="reports a second")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="three, to lose one of them")
    parser.add_argument("--only", default="", help="only faults with this in their name")
    parser.add_argument("--fresh", action="store_true", help="do not go on with an earlier run of this seed")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    folder = asked.folder / f"seed-{seed}-{asked.brokers}"
    again = f"make chaos ROUNDS={asked.rounds} SEED={seed} BROKERS={asked.brokers}"
    again += f" ONLY='{asked.only}'" if asked.only else ""
    if asked.fresh:
        clear(folder)
    state = State(seed, asked.rounds)
    with suppress(OSError, ValueError, TypeError):
        state = State(**json.loads((folder / "state.json").read_text()) | {"rounds": asked.rounds})
    print(f"chaos: {again}" + (f", going on after {state.done} faults" if state.done else ""), flush=True)

    asked_to_stop: list[signal.Signals] = []

    async def all_of_it() -> None:
        task = asyncio.current_task()
        assert task is not None

        def end(number: signal.Signals) -> None:
            asked_to_stop.append(number)
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        await run(
            folder,
            state,
            long=True,
            three=asked.brokers == 3,
            pace=asked.pace,
            only=asked.only,
            say=lambda line: print(f"chaos: {line}", flush=True),
        )

    try:
        uvloop.run(all_of_it())
    except (Exception, BaseExceptionGroup, asyncio.CancelledError) as error:
        failures = failures_of(error)
        if asked_to_stop:
            print(f"chaos: stopped by {asked_to_stop[0].name} after {state.done} faults; to go on: {again}")
            return 130
        for each in failures:
            if isinstance(each, Failed | Trouble | BrokerTrouble | AssertionError):
                print(f"chaos: FAILED\n{each}")
            else:
                traceback.print_exception(each)
        print(f"chaos: everything is kept in {folder}; to see it again: {again} FRESH=1")
        return 1
    print(f"chaos: {told(state)}")
    clear(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
