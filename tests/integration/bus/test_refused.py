"""A log that is not the one that was being read is refused with words, never silently read again or skipped."""

from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from shared.bus.carrier import CarrierRefused
from shared.bus.sweep import SWEEP_LOG
from shared.contracts.topics import Topic
from tests.integration.bus.world import SCHEMA, World, eventually


async def read_some(world: World) -> None:
    async with world.running(world.relay(), world.reader("g")):
        await world.publish(*[world.event("s", n) for n in range(1, 6)])
        await eventually(lambda: world.sequences("s"), [1, 2, 3, 4, 5])


async def refusal(world: World) -> str:
    try:
        await world.carrier.check()
    except CarrierRefused as refused:
        return str(refused)
    return ""


async def refused(world: World, words: str) -> bool:
    return words in await refusal(world)


async def test_another_cluster_is_refused_until_the_old_one_is_back(world: World) -> None:
    await read_some(world)
    before = await world.pool.fetchval(f"SELECT min(cluster) FROM {SCHEMA}.inbox_progress")
    await world.pool.execute(f"UPDATE {SCHEMA}.inbox_progress SET cluster = 'another'")
    async with world.running(world.relay(), world.reader("g")):
        await world.publish(world.event("s", 6))
        await eventually(lambda: refused(world, "it was reading cluster another"))
        words = await refusal(world)
        assert "DELETE FROM alpha.inbox_progress" in words
        assert await world.sequences("s") == [1, 2, 3, 4, 5]
        await world.pool.execute(f"UPDATE {SCHEMA}.inbox_progress SET cluster = $1", before)
        await eventually(lambda: world.sequences("s"), [1, 2, 3, 4, 5, 6])
        await world.carrier.check()


async def test_a_topic_created_again_is_refused_and_what_the_words_say_helps(world: World) -> None:
    await read_some(world)
    if world.kind == "kafka":
        admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.kafka_bootstrap)
        await admin.start()
        await admin.delete_topics([world.topic])
        await admin.close()
    else:
        await world.pool.execute("DELETE FROM bus.log")
        await world.pool.execute("DELETE FROM bus.counters")
    await world.carrier.create_topics([Topic(world.topic, "alpha")])
    async with world.running(world.relay(), world.reader("g")):
        await world.publish(*[world.event("s", n) for n in range(4, 8)])
        await eventually(lambda: refused(world, "the topic was deleted and created again"))
        assert await world.sequences("s") == [1, 2, 3, 4, 5]
        await world.pool.execute((await refusal(world)).split("run: ")[1])
        await eventually(lambda: world.sequences("s"), [1, 2, 3, 4, 5, 6, 7])


async def test_records_that_are_gone_before_they_were_read_are_refused(world: World) -> None:
    await read_some(world)
    async with world.running(world.relay()):
        await world.publish(*[world.event("s", n) for n in range(6, 11)])
        await eventually(world.waiting, 0)
    if world.kind == "kafka":
        place = TopicPartition(world.topic, await partition(world))
        admin = AIOKafkaAdminClient(bootstrap_servers=world.settings.kafka_bootstrap)
        await admin.start()
        await admin.delete_records({place: RecordsToDelete(before_offset=8)})
        await admin.close()
    else:
        assert await world.pool.fetchval(SWEEP_LOG, 7, 1000) == 0
        await world.pool.execute("UPDATE bus.log SET appended_at = now() - interval '8 days' WHERE sequence <= 8")
        assert await world.pool.fetchval(SWEEP_LOG, 7, 1000) == 8
    async with world.running(world.reader("g")):
        await eventually(lambda: refused(world, "the records 5 to 7 are gone"))
    assert await world.sequences("s") == [1, 2, 3, 4, 5]


async def partition(world: World) -> int:
    found = await world.pool.fetchval(f"SELECT partition FROM {SCHEMA}.inbox_progress WHERE next_offset > 0")
    return int(found)


async def test_a_log_that_is_shorter_than_what_was_read_is_refused(world: World) -> None:
    await read_some(world)
    await world.pool.execute(f"UPDATE {SCHEMA}.inbox_progress SET next_offset = 99 WHERE next_offset > 0")
    async with world.running(world.reader("g")):
        await eventually(lambda: refused(world, "it has read up to 99, the log ends at 5"))


async def test_a_topic_that_does_not_exist_is_said(world: World) -> None:
    world.topic = "wangge.alpha.nowhere.v1"
    async with world.running(world.reader("g")):
        await eventually(lambda: refused(world, "run `wangge migrate`"))


async def test_creating_topics_again_changes_nothing(world: World) -> None:
    await read_some(world)
    await world.carrier.create_topics(
        [Topic(world.topic, "alpha"), Topic(f"{world.topic}.new", "alpha", compacted=True)]
    )
    async with world.running(world.relay(), world.reader("g")):
        await world.publish(world.event("s", 6))
        await eventually(lambda: world.sequences("s"), [1, 2, 3, 4, 5, 6])
    assert await world.parked() == []
