"""A whole worker on a carrier: reports in, facts out."""

import asyncio
from uuid import UUID

from services.dispatch.worker import worker_jobs
from shared.bus.event import Event, Record
from shared.bus.outbox import Outbox
from shared.bus.wake import Wake
from shared.contracts import topics
from shared.jobs import supervise
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.dispatch.conftest import City, eventually


def published(record: Record) -> Event:
    return Event(
        record.topic, record.key, uuid7(), record.type, record.subject, 1, record.key, None, record.at, record.data
    )


async def test_a_published_report_becomes_a_published_case(own_city: City) -> None:
    city, pool = own_city, own_city.wired.pool
    await city.wired.carrier.create_topics(topics.ALL)
    records = [city.record() for _ in range(50)]
    intake = Outbox("intake", Wake())
    stop = asyncio.Event()
    jobs = [city.wired.carrier.relay_job(pool, intake), *worker_jobs(city.wired)]
    working = asyncio.create_task(supervise(jobs, stop))
    try:
        async with transaction(pool) as tx:
            await intake.add(tx, [published(record) for record in records])
        intake.ring()
        reports = [UUID(record.subject) for record in records]

        async def opened() -> bool:
            cases = await pool.fetch("SELECT FROM dispatch.cases WHERE report_id = ANY ($1::uuid[])", reports)
            waiting = await pool.fetch("SELECT FROM dispatch.outbox LIMIT 1")
            return len(cases) == 50 and not waiting

        assert await eventually(opened, 15)
        parked = await pool.fetch("SELECT * FROM dispatch.inbox_parked")
        assert parked == []

        async def carried() -> bool:
            words = await pool.fetchval("SELECT count(*) FROM dispatch.case_words")
            counted = await pool.fetchval("SELECT sum(cases) FROM dispatch.case_counts WHERE parent = ''")
            return bool(words == counted == 50)

        assert await eventually(carried, 15)
    finally:
        stop.set()
        await working
