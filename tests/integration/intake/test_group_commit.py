"""Many senders, one transaction: duplicates, poison, hang-ups, outages."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from services.intake.commands import group_commit
from services.intake.commands.group_commit import GroupWriter, QueueFull, Stopping
from services.intake.commands.receive_report import entry
from services.intake.domain.report import Asked, AtPoint
from services.intake.store.reports import Row
from shared.auth import Principal
from shared.idempotency import InFlight, KeyReused
from shared.jobs import supervise
from shared.kernel.area import AreaPath
from shared.kernel.place import Datum, Place
from shared.postgres import create_pool, is_outage
from tests.integration.intake.conftest import Place as Intake
from tests.integration.intake.conftest import grid, middle

WHO = Principal("app", "key:group", AreaPath.root(), frozenset({"reports:create"}))


def row(intake: Intake, description: str = "井盖破损", key: str | None = None, body: bytes = b"same") -> Row:
    here = Place(*middle(0, 0).values())
    asked = Asked("01003", description, AtPoint(*here, Datum.WGS84), None, "app", {}, None, ())
    return entry(intake.wired.desk, WHO, asked, here, grid(0, 0), intake.wired.clock(), key, body if key else None)


async def stored(intake: Intake, rows: list[Row]) -> list[bool]:
    ids = [each.id for each in rows]
    found = await intake.wired.pool.fetch("SELECT id FROM intake.reports WHERE id = ANY($1::uuid[])", ids)
    facts = await intake.wired.pool.fetch("SELECT subject FROM intake.outbox WHERE subject = ANY($1::text[])",
                                          [str(each.id) for each in rows])  # fmt: skip
    assert len(found) == len(facts)
    return [each.id in {r[0] for r in found} for each in rows]


@pytest.fixture
async def idle(intake: Intake) -> GroupWriter:
    """A writer whose job the test starts itself, so that what waits is one group."""
    return GroupWriter(intake.wired.pool, intake.wired.outbox, room=50)


class Running:
    """The writer's job, while the block lasts."""

    def __init__(self, writer: GroupWriter) -> None:
        self.stop = asyncio.Event()
        self.writer = writer

    async def __aenter__(self) -> "Running":
        self.task = asyncio.create_task(supervise([self.writer.job()], self.stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await self.task


async def together(writer: GroupWriter, rows: list[Row]) -> list[Any]:
    """Let all wait, then start the writer: one group."""
    sending = [asyncio.create_task(writer.write(each)) for each in rows]
    await asyncio.sleep(0)
    async with Running(writer):
        return await asyncio.gather(*sending, return_exceptions=True)


async def test_a_group_is_one_transaction(intake: Intake, idle: GroupWriter) -> None:
    rows = [row(intake) for _ in range(40)]
    assert await together(idle, rows) == [each.answer for each in rows]
    ids = [each.id for each in rows]
    written_by = await intake.wired.pool.fetch(
        "SELECT DISTINCT xmin::text FROM intake.reports WHERE id = ANY($1::uuid[])", ids
    )
    assert len(written_by) == 1
    assert all(await stored(intake, rows))


async def test_a_key_that_occurs_twice_in_a_group_is_carried_out_once(intake: Intake, idle: GroupWriter) -> None:
    key = uuid4().hex
    rows = [row(intake, key=key) for _ in range(5)]
    answers = await together(idle, rows)
    assert len(set(answers)) == 1
    assert sum(await stored(intake, rows)) == 1


async def test_a_key_with_two_bodies_in_a_group_answers_the_first_and_refuses_the_other(
    intake: Intake, idle: GroupWriter
) -> None:
    key = uuid4().hex
    one, other = row(intake, key=key, body=b"one"), row(intake, key=key, body=b"other")
    first, second = await together(idle, [one, other])
    assert first == one.answer
    assert isinstance(second, KeyReused)
    assert await stored(intake, [one, other]) == [True, False]


async def test_a_poisoned_row_costs_its_neighbours_nothing(intake: Intake, idle: GroupWriter) -> None:
    rows = [row(intake, key=uuid4().hex if n % 2 else None) for n in range(20)]
    rows[7] = rows[7]._replace(lat=400.0)  # what the database itself refuses
    rows[12] = rows[12]._replace(description="\ud800")  # what cannot even be sent to it
    answers = await together(idle, rows)
    assert isinstance(answers[7], asyncpg.CheckViolationError)
    assert isinstance(answers[12], Exception)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Exception)] == [7, 12]
    assert await stored(intake, rows) == [n not in (7, 12) for n in range(20)]


async def test_a_sender_that_hangs_up_leaves_its_report_in_the_group(intake: Intake, idle: GroupWriter) -> None:
    rows = [row(intake) for _ in range(6)]
    sending = [asyncio.create_task(idle.write(each)) for each in rows]
    await asyncio.sleep(0)
    sending[2].cancel()
    async with Running(idle):
        answers = await asyncio.gather(*sending, return_exceptions=True)
    assert isinstance(answers[2], asyncio.CancelledError)
    assert [a for n, a in enumerate(answers) if n != 2] == [r.answer for n, r in enumerate(rows) if n != 2]
    assert all(await stored(intake, rows))


async def test_no_room_is_said_at_once(intake: Intake) -> None:
    writer = GroupWriter(intake.wired.pool, intake.wired.outbox, room=2)
    sending = [asyncio.create_task(writer.write(row(intake))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await writer.write(row(intake))
    async with Running(writer):
        await asyncio.gather(*sending)


async def test_what_waits_when_the_process_stops_is_stored_first(intake: Intake, idle: GroupWriter) -> None:
    rows = [row(intake) for _ in range(30)]
    async with Running(idle) as running:
        await asyncio.sleep(0.05)
        sending = [asyncio.create_task(idle.write(each)) for each in rows]
        await asyncio.sleep(0)
        running.stop.set()
        assert len(await asyncio.gather(*sending)) == 30
    with pytest.raises(Stopping):
        await idle.write(row(intake))
    assert all(await stored(intake, rows))


async def test_a_key_in_use_by_another_replica_is_waited_for_and_neighbours_are_not_held_up(
    intake: Intake, idle: GroupWriter
) -> None:
    key = uuid4().hex
    mine, neighbour = row(intake, key=key), row(intake)
    async with intake.wired.pool.acquire() as elsewhere, Running(idle):
        transaction = elsewhere.transaction()
        await transaction.start()
        await elsewhere.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{WHO.subject} {key}")
        sending = asyncio.create_task(idle.write(mine))
        async with asyncio.timeout(1):
            assert await idle.write(neighbour) == neighbour.answer
        await asyncio.sleep(0.1)
        assert not sending.done()
        await elsewhere.execute(
            "INSERT INTO intake.idempotency (caller, key, request_hash, status, body)"
            " VALUES ($1, $2, 'same', 201, 'x')",
            WHO.subject,
            key,
        )
        await transaction.commit()
        assert await sending == b"x"
    assert await stored(intake, [mine, neighbour]) == [False, True]


async def test_a_key_that_stays_in_use_is_answered_409(
    intake: Intake, idle: GroupWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "IN_FLIGHT_SECONDS", 0.2)
    key = uuid4().hex
    async with intake.wired.pool.acquire() as elsewhere, Running(idle), elsewhere.transaction():
        await elsewhere.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{WHO.subject} {key}")
        with pytest.raises(InFlight):
            await idle.write(row(intake, key=key))


async def test_two_replicas_and_many_duplicates_store_each_key_once(intake: Intake) -> None:
    keys = [uuid4().hex for _ in range(15)]
    replicas = [GroupWriter(intake.wired.pool, intake.wired.outbox, most=7) for _ in range(2)]
    rows = [row(intake, key=keys[n % 15]) for n in range(150)]
    async with Running(replicas[0]), Running(replicas[1]):
        answers = await asyncio.gather(*(replicas[n % 2].write(each) for n, each in enumerate(rows)))
    assert sum(await stored(intake, rows)) == 15
    for key in range(15):
        assert len({answers[n] for n in range(150) if n % 15 == key}) == 1


async def test_an_outage_is_told_to_all_who_wait_and_the_next_report_is_stored(intake: Intake) -> None:
    pool = await create_pool(intake.wired.settings.database_url, name="outage", size=2)
    writer = GroupWriter(pool, intake.wired.outbox, writers=1)
    before, lost, after = row(intake), [row(intake) for _ in range(3)], row(intake)
    async with Running(writer):
        assert await writer.write(before) == before.answer
        async with intake.wired.pool.acquire() as elsewhere, elsewhere.transaction():
            await elsewhere.execute("LOCK TABLE intake.reports IN ACCESS EXCLUSIVE MODE")
            sending = [asyncio.create_task(writer.write(each)) for each in lost]
            await asyncio.sleep(0.2)
            await elsewhere.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wangge-outage'"
            )
            answers = await asyncio.gather(*sending, return_exceptions=True)
        assert all(isinstance(answer, Exception) and is_outage(answer) for answer in answers), answers
        assert await stored(intake, lost) == [False, False, False]
        assert await writer.write(after) == after.answer
    await pool.close()


async def test_a_connection_that_ended_between_two_groups_costs_nobody_a_report(intake: Intake) -> None:
    pool = await create_pool(intake.wired.settings.database_url, name="ended", size=2)
    writer = GroupWriter(pool, intake.wired.outbox, writers=1)
    ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'wangge-ended'"
    async with Running(writer):
        for _ in range(3):
            each = row(intake)
            assert await writer.write(each) == each.answer
            assert await intake.wired.pool.fetchval(ended) == 1
            while pool.get_size():  # the pool has noticed, and taken the connection back
                await asyncio.sleep(0.01)
    await pool.close()


async def test_an_outage_is_answered_503_with_retry_after(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_row: Row) -> bytes:
        raise ConnectionRefusedError("no server")

    monkeypatch.setattr(intake.wired.desk.writer, "write", away)
    answer = await intake.post(intake.body())
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_sixty_four_senders_at_once(intake: Intake) -> None:
    bodies = [orjson.dumps(intake.body()) for _ in range(256)]
    waiting = iter(bodies)

    async def sender() -> list[int]:
        return [(await intake.post(body, key=uuid4().hex)).status_code for body in waiting]

    answers = await asyncio.gather(*(sender() for _ in range(64)))
    assert [status for each in answers for status in each] == [201] * 256
