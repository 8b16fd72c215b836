"""The short form: one deck's worth of faults in about three minutes, with the same runner and the same oracle."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.chaos.run import Failed, State, failures_of, run, told

# A night that failed is repeated with CHAOS_SEED; `make chaos SEED=…` does more of the same.
SEED = int(os.environ.get("CHAOS_SEED", "4"))
ROUNDS = 10


@pytest.mark.slow
async def test_nothing_is_lost_or_doubled_when_everything_is_killed() -> None:
    folder = Path(tempfile.mkdtemp(prefix="wgc-"))
    lines: list[str] = []
    try:
        state = await run(folder, State(SEED, ROUNDS), long=False, three=False, pace=3.0, say=lines.append)
    except (Exception, BaseExceptionGroup) as error:
        shown = "\n".join([*lines, *(str(each) for each in failures_of(error) if isinstance(each, Failed))])
        raise AssertionError(
            f"{shown}\nkept in {folder}; again: CHAOS_SEED={SEED} python -m tests.run tests/chaos"
        ) from error
    assert len(state.faults) == ROUNDS, told(state)
    shutil.rmtree(folder, ignore_errors=True)
