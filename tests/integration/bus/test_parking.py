"""What cannot be applied is put aside with its subject; everything else flows on."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer

from shared.bus.parked import BehindAnother, NothingParked, drop, list_parked, replay
from tests.integration.bus.world import SCHEMA, World, eventually


async def publish_ten(world: World) -> None:
    """Subjects a, b, c with versions 1 to 3, in one batch, and then d."""
    await world.publish(
        *[world.event(subject, n) for n in (1, 2, 3) for subject in ("a", "b", "c")], world.event("d", 1)
    )


async def test_a_poisoned_record_is_parked_its_subject_waits_and_all_else_flows(world: World) -> None:
    world.bad = {("b", 2)}
    async with world.running(world.relay(), world.reader("g")):
        await publish_ten(world)
        await eventually(lambda: world.sequences("d"), [1])
        await eventually(world.parked, [("b", 2, "poison"), ("b", 3, "held")])
        await world.publish(world.event("b", 4), world.event("a", 4))
        await eventually(lambda: world.sequences("a"), [1, 2, 3, 4])
        await eventually(world.parked, [("b", 2, "poison"), ("b", 3, "held"), ("b", 4, "held")])
    assert await world.sequences("b") == [1]
    assert await world.sequences("c") == [1, 2, 3]
    [poison] = [row for row in await list_parked(world.connection(), SCHEMA) if row.reason == "poison"]
    assert poison.error == "ValueError: cannot apply 2"
    assert (poison.value, poison.headers["ce_type"], poison.attempts) == (b'{"n":2}', "thing.done.v1", 1)


async def test_replay_applies_the_record_and_what_waited_behind_it(world: World) -> None:
    world.bad = {("b", 2)}
    subscription = world.subscription("g")
    async with world.running(world.relay(), world.reader("g")):
        await publish_ten(world)
        await eventually(world.parked, [("b", 2, "poison"), ("b", 3, "held")])
        # Still bad: nothing changes but the count of attempts.
        assert await replay(world.connection(), subscription) == []
        assert [row.attempts for row in await list_parked(world.connection(), SCHEMA) if row.reason == "poison"] == [2]
        world.bad = set()
        assert len(await replay(world.connection(), subscription)) == 1
        assert await world.sequences("b") == [1, 2, 3]
        assert await world.parked() == []
        assert await replay(world.connection(), subscription) == []
        await world.publish(world.event("b", 4))
        await eventually(lambda: world.sequences("b"), [1, 2, 3, 4])


async def test_replay_stops_at_the_next_bad_record(world: World) -> None:
    world.bad = {("b", 1), ("b", 3)}
    async with world.running(world.relay(), world.reader("g")):
        await publish_ten(world)
        await eventually(world.parked, [("b", 1, "poison"), ("b", 2, "held"), ("b", 3, "held")])
        world.bad = {("b", 3)}
        await replay(world.connection(), world.subscription("g"))
        assert await world.sequences("b") == [1, 2]
        assert await world.parked() == [("b", 3, "poison")]


async def test_drop_gives_up_the_record_and_goes_on_behind_it(world: World) -> None:
    world.bad = {("b", 2)}
    subscription = world.subscription("g")
    async with world.running(world.relay(), world.reader("g")):
        await publish_ten(world)
        await eventually(world.parked, [("b", 2, "poison"), ("b", 3, "held")])
        rows = {row.reason: row.id for row in await list_parked(world.connection(), SCHEMA)}
        with pytest.raises(BehindAnother):
            await drop(world.connection(), subscription, rows["held"])
        await drop(world.connection(), subscription, rows["poison"])
        with pytest.raises(NothingParked):
            await drop(world.connection(), subscription, rows["poison"])
        assert await world.sequences("b") == [1, 3]
        assert await world.parked() == []
        await world.publish(world.event("b", 4))
        await eventually(lambda: world.sequences("b"), [1, 3, 4])


async def test_a_missing_version_is_waited_for(world: World) -> None:
    async with world.running(world.relay(), world.reader("g")):
        await world.publish(world.event("s", 1), world.event("s", 3), world.event("s", 4), world.event("other", 1))
        await eventually(world.parked, [("s", 3, "gap"), ("s", 4, "gap")])
        assert await world.sequences("s") == [1]
        assert await world.sequences("other") == [1]
        await world.publish(world.event("s", 4), world.event("s", 2))
        await eventually(lambda: world.sequences("s"), [1, 2, 3, 4])
        await eventually(world.parked, [])


async def test_a_version_that_never_comes_can_be_given_up(world: World) -> None:
    async with world.running(world.relay(), world.reader("g")):
        await world.publish(world.event("s", 1), world.event("s", 3), world.event("s", 4))
        await eventually(world.parked, [("s", 3, "gap"), ("s", 4, "gap")])
        first = (await list_parked(world.connection(), SCHEMA))[0]
        await drop(world.connection(), world.subscription("g"), first.id)
        assert await world.sequences("s") == [1, 3, 4]
        assert await world.parked() == []


async def test_duplicates_are_dropped_in_whatever_order_they_come(world: World) -> None:
    first, second, third = (world.event("s", n) for n in (1, 2, 3))
    async with world.running(world.relay(), world.reader("g")):
        await world.publish(first, second, third, second, first)
        await world.publish(third, first, world.event("s", 4))
        await eventually(lambda: world.sequences("s"), [1, 2, 3, 4])
        await asyncio.sleep(0.2)
    assert await world.sequences("s") == [1, 2, 3, 4]
    assert await world.parked() == []


async def test_where_the_newest_alone_matters_nothing_is_waited_for(world: World) -> None:
    reader = world.reader("g", latest=frozenset({world.topic}))
    world.bad = {("s", 5)}
    async with world.running(world.relay(), reader):
        await world.publish(world.event("s", 3))
        await world.publish(world.event("s", 2))
        await world.publish(world.event("s", 5))
        await eventually(world.parked, [("s", 5, "poison")])
        await world.publish(world.event("s", 9))
        await eventually(lambda: world.sequences("s"), [3, 9])
        await eventually(world.parked, [])


@pytest.mark.parametrize("kind", ["kafka"], indirect=True)
async def test_a_message_that_is_no_record_is_parked_as_it_came(world: World) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=world.settings.kafka_bootstrap)
    await producer.start()
    try:
        odd = [("ce_subject", b"s"), ("ce_specversion", b"1.0"), ("binary", b"\xff\x00")]
        await producer.send_and_wait(world.topic, b"\x00\xffnot ours", key=b"k", headers=odd)
        await producer.send_and_wait(world.topic, None, key=b"tombstone")
    finally:
        await producer.stop()
    async with world.running(world.relay(), world.reader("g")):
        await world.publish(world.event("s", 1))
        await eventually(lambda: world.sequences("s"), [1])
        await eventually(lambda: reasons(world), ["undecodable", "undecodable"])
        rows = {row.key: row for row in await list_parked(world.connection(), SCHEMA)}
        assert rows[b"k"].value == b"\x00\xffnot ours"
        assert rows[b"k"].subject == "s"
        assert rows[b"k"].error == "header 'ce_sequence' is missing"
        assert rows[b"tombstone"].subject is None
        assert await replay(world.connection(), world.subscription("g")) == []
        for row in rows.values():
            await drop(world.connection(), world.subscription("g"), row.id)
    assert await world.parked() == []


async def reasons(world: World) -> list[str]:
    return [row.reason for row in await list_parked(world.connection(), SCHEMA)]
