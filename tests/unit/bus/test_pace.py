"""When a loop of the bus waits for more to gather, and when it begins at once."""

import asyncio

from shared.bus.pace import Pace


async def begins_at_once(pace: Pace) -> bool:
    """Whether a turn begins before anything else in the loop had a chance."""
    turn = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    begun = turn.done()
    await turn
    return begun


async def test_a_loop_that_was_idle_begins_at_once() -> None:
    pace = Pace()
    assert await begins_at_once(pace)
    assert await begins_at_once(pace)  # that turn moved nothing


async def test_after_work_more_may_gather_but_once() -> None:
    pace = Pace()
    await pace.turn()
    pace.worked()
    assert not await begins_at_once(pace)
    assert await begins_at_once(pace)


async def test_a_full_turn_is_followed_at_once() -> None:
    pace = Pace()
    await pace.turn()
    pace.worked(full=True)
    assert await begins_at_once(pace)
