"""A group that nobody waits for takes few turns, and loses nothing by it; on either carrier."""

import asyncio
from collections.abc import Sequence
from functools import partial

from shared.bus.consumer import Handler
from shared.bus.event import Record
from shared.postgres import Connection
from tests.integration.bus.world import World, eventually

FACTS = 40
GATHER_MS = 400


async def test_what_comes_in_a_while_is_taken_in_few_turns(world: World) -> None:
    turns: dict[str, int] = {"at leisure": 0, "at once": 0}

    def counting(group: str) -> Handler:
        write = world.write(group)

        async def handler(tx: Connection, records: Sequence[Record]) -> None:
            turns[group] += 1
            await write(tx, records)

        return handler

    readers = (
        world.reader("at leisure", counting("at leisure"), gather_ms=GATHER_MS),
        world.reader("at once", counting("at once")),
    )
    async with world.running(world.relay(), *readers):
        await world.publish(world.event("first", 1))
        for group in turns:
            await eventually(partial(count, world, group), 1)
        turns |= dict.fromkeys(turns, 0)
        for n in range(FACTS):
            await world.publish(world.event(f"s{n}", 1))
            await asyncio.sleep(0.05)
        for group in turns:
            await eventually(partial(count, world, group), FACTS + 1)
    # Two seconds of facts: five turns of 400 ms, and one for each end. A slow machine takes longer, with more of them.
    assert turns["at leisure"] < turns["at once"] / 2


async def count(world: World, group: str = "g") -> int:
    return len(await world.seen(group))


async def test_a_backlog_does_not_wait_for_more_to_gather(world: World) -> None:
    events = [world.event(f"s{n}", 1, key="110108.001") for n in range(3_000)]
    async with world.running(world.relay()):
        await world.publish(*events)
        await eventually(world.waiting, 0)
    began = asyncio.get_running_loop().time()
    async with world.running(world.reader("g", gather_ms=3_000)):
        await eventually(partial(count, world), len(events), seconds=60)
    # One partition holds it all: the embedded carrier reads 83 of it a turn, so a wait at each would take two minutes.
    assert asyncio.get_running_loop().time() - began < 30
