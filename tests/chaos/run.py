"""`make chaos`: real processes, seeded faults under load, and after each stretch the question whether all is well.

    python -m tests.chaos.run --rounds 100 --seed 7

Resumable: a run that was stopped goes on where it was when it is started again with the same seed. A run that fails
keeps its folder, and says in one line how to see it again.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.kafka.broker import BrokerTrouble
from services.city.trouble import Trouble
from tests.chaos.disk import mount_small_disk, unmount_small_disk, with_small_disk
from tests.chaos.stack import Stack
from tests.chaos.state import State, told
from tests.chaos.stretches import Failed, Run

FOLDER = Path(tempfile.gettempdir()) / "wangge-chaos"
DISK_MB = 1_500


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


def _take_small_disk(folder: Path, seed: int) -> None:
    """Who is not root goes on as the same program in a namespace with a small disk; it cannot be taken up again."""
    data = folder / "data"
    if os.geteuid() == 0 or os.path.ismount(data) or (before := with_small_disk(data, DISK_MB)) is None:
        return
    clear(folder)
    data.mkdir(parents=True)
    print("chaos: not root, so with a disk that goes with this process: a run that is stopped begins anew", flush=True)
    os.execvp(before[0], [*before, sys.executable, "-m", "tests.chaos.run", *sys.argv[1:], "--seed", str(seed)])


def main() -> int:
    import uvloop

    # It tells of every attempt while a broker is away.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    parser = argparse.ArgumentParser(description="Seeded faults under load, and an oracle.")
    parser.add_argument("--rounds", type=int, default=100, help="how many faults")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pace", type=float, default=4.0, help="reports a second")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="three, to lose one of them")
    parser.add_argument("--only", default="", help="only faults with this in their name; several between commas")
    parser.add_argument("--fresh", action="store_true", help="do not go on with an earlier run of this seed")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    folder = asked.folder / f"seed-{seed}-{asked.brokers}"
    again = f"make chaos ROUNDS={asked.rounds} SEED={seed} BROKERS={asked.brokers}"
    again += f" ONLY='{asked.only}'" if asked.only else ""
    if asked.fresh:
        clear(folder)
    _take_small_disk(folder, seed)
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
