"""`make test`: a real Postgres and a real Kafka, pytest against them, and both stopped whatever happens.

Arguments go to pytest: `python -m tests.run tests/integration/bus -k fencing`.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from deploy.kafka.broker import BrokerTrouble
from services.city.trouble import Trouble
from tests.integration.oidc import provider
from tests.npm import NpmTrouble
from tests.servers import KAFKA_VARIABLE, POSTGRES_VARIABLE, running_kafka, running_postgres
from tests.turns import TURNS_VARIABLE

WORKERS = 2


async def _run(arguments: list[str]) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with tempfile.TemporaryDirectory(prefix="wangge-test-") as folder:
        async with AsyncExitStack() as servers:
            began = time.monotonic()
            postgres, kafka, _ = await asyncio.gather(
                servers.enter_async_context(running_postgres(Path(folder, "postgres"))),
                servers.enter_async_context(running_kafka(Path(folder, "kafka"))),
                asyncio.to_thread(provider.install),
            )
            print(f"test: Postgres and Kafka ({kafka}) ready in {time.monotonic() - began:.1f} s", flush=True)
            given = {
                POSTGRES_VARIABLE: postgres,
                KAFKA_VARIABLE: kafka,
                TURNS_VARIABLE: str(Path(folder, "turns")),
            }
            # Files in the order of tests/conftest.py, which knows who wants to be alone.
            workers = ("-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder")
            pytest = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "pytest", *workers, *arguments),
                env=os.environ | given,
                process_group=0,
            )
            return await _outcome(pytest, stopped)


async def _outcome(pytest: asyncio.subprocess.Process, stopped: asyncio.Event) -> int:
    """Its exit status; asked to stop, pytest ends first, so that no test sees its server go."""
    ended, interrupted = asyncio.create_task(pytest.wait()), asyncio.create_task(stopped.wait())
    await asyncio.wait((ended, interrupted), return_when=asyncio.FIRST_COMPLETED)
    interrupted.cancel()
    if not ended.done():
        pytest.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(20):
                await pytest.wait()
        except TimeoutError:
            pytest.kill()
            await pytest.wait()
        ended.cancel()
        return 130
    return ended.result()


def main() -> int:
    try:
        return asyncio.run(_run(sys.argv[1:]))
    except (Trouble, BrokerTrouble, NpmTrouble) as trouble:
        print(f"test: {trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
