"""Background work is restarted when it fails and finishes when it is told to stop."""

import asyncio

from shared.jobs import Job, supervise


async def test_a_failing_job_runs_again_and_the_others_never_notice():
    stop = asyncio.Event()
    runs = []

    async def flaky(stop):
        runs.append("flaky")
        if len(runs) < 2:
            raise RuntimeError("once")
        stop.set()

    steady = 0

    async def watch(stop):
        nonlocal steady
        steady += 1
        await stop.wait()

    await asyncio.wait_for(supervise([Job("flaky", flaky), Job("watch", watch)], stop), 5)
    assert len(runs) == 2
    assert steady == 1


async def test_a_failed_task_group_leaves_no_request_to_cancel_behind():
    """Python 3.11.2, Debian 12's, would end the job at its next time-out."""
    stop = asyncio.Event()
    requests = []

    async def fails():
        await asyncio.sleep(0)
        raise RuntimeError("once")

    async def grouped(stop):
        task = asyncio.current_task()
        assert task is not None
        requests.append(task.cancelling())
        if len(requests) > 1:
            stop.set()
            return
        async with asyncio.TaskGroup(), asyncio.TaskGroup() as inner:
            inner.create_task(fails())

    await asyncio.wait_for(supervise([Job("grouped", grouped)], stop), 5)
    assert requests == [0, 0]


async def test_a_job_that_does_not_stop_is_cancelled_after_the_drain():
    stop = asyncio.Event()
    ended = []

    async def finishes(stop):
        await stop.wait()
        await asyncio.sleep(0.01)
        ended.append("finished")

    async def stubborn(stop):
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    asyncio.get_running_loop().call_later(0.01, stop.set)
    await asyncio.wait_for(supervise([Job("a", finishes), Job("b", stubborn)], stop, drain_seconds=0.1), 2)
    assert ended == ["finished", "cancelled"]
