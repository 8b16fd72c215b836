"""What the rows of desks share: open cases beside the stored ones, and how long an answer takes."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import asyncpg

from services.city.robots.wire import Wire
from services.dispatch.store import tallies
from shared.packs import load
from tests.bench import processor
from tests.bench.measure import BenchTrouble, Figure, at_most, quantile
from tests.bench.processes import Process
from tests.bench.store import PACK, Store

# Of a hundred open cases so many stand where; most are with their units.
WHERE = {
    "reported": 15,
    "verifying": 3,
    "accepted": 4,
    "filed": 6,
    "dispatched": 15,
    "handling": 44,
    "handled": 5,
    "checking": 6,
    "checked": 2,
}
# Copies of stored ones in their grids; the running clock is due between an hour ago and two days ahead, and a tenth is
# overdue and a fifth warned.
_OPENED = """
    CREATE TEMP TABLE more AS
        SELECT c.*, ($2::text[])[1 + floor(random() * cardinality($2::text[]))::int] AS stands,
               now() + random() * interval '2 days' - interval '1 hour' AS due
          FROM dispatch.cases c WHERE c.status = 'closed' ORDER BY c.id LIMIT $1
"""
_PLACED = """
    UPDATE more SET id = uuidv7(), report_id = gen_random_uuid(), status = stands, ended_at = NULL, passed = NULL,
           opened_at = now(), overdue = random() < 0.1, warned = random() < 0.2, result = NULL,
           unit = CASE WHEN stands IN ('reported', 'verifying', 'accepted', 'filed') THEN NULL ELSE unit END,
           handlers = '{}', task_id = CASE WHEN stands IN ('verifying', 'checking') THEN gen_random_uuid() END,
           waits_until = CASE WHEN stands IN ('handled', 'checked') THEN 'infinity' ELSE due END,
           clocks = CASE WHEN stands IN ('handled', 'checked') THEN '{}' ELSE jsonb_build_object('handle',
               jsonb_build_object('limit', 172800000000, 'continuous', true, 'generation', 1,
                   'since', (extract(epoch FROM now()) * 1000000)::bigint,
                   'warn_at', (extract(epoch FROM due) * 1000000)::bigint,
                   'due_at', (extract(epoch FROM due) * 1000000)::bigint)) END;
    ALTER TABLE more DROP COLUMN stands, DROP COLUMN due;
    INSERT INTO dispatch.cases SELECT * FROM more;
    DROP TABLE more;
"""


async def open_cases(dsn: str, count: int, where: Mapping[str, int] = WHERE) -> None:
    """`count` open cases more, counted and with fresh statistics, as workers and autovacuum leave them."""
    connection = await asyncpg.connect(dsn)
    try:
        statuses = [status for status, share in where.items() for _ in range(share)]
        await connection.execute("SELECT setseed(0.5)")
        await connection.execute(_OPENED, count, statuses)
        await connection.execute(_PLACED)
        async with connection.transaction():
            await tallies.fold(connection, load(PACK).time_zone, 1_000_000)
        await connection.execute("VACUUM ANALYZE dispatch.cases, dispatch.case_counts, dispatch.case_moves")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


class Batch(NamedTuple):
    """Milliseconds from each request to its answer, and of a processor for a request."""

    waits: list[float]
    api: float
    postgres: float


async def answers(store: Store, api: Process, asked: Sequence[tuple[str, Mapping[str, str]]]) -> Batch:
    """One request after the other on one connection."""

    def spent() -> tuple[float, float]:
        assert api.child is not None
        assert store.server.process is not None
        return processor.seconds(api.child.pid), processor.family_seconds(store.server.process.pid)

    waits = []
    wire = Wire(api.base, connections=1)
    before = spent()
    for path, headers in asked:
        began = time.perf_counter()
        answer = await wire.send("GET", path, dict(headers), b"")
        waits.append((time.perf_counter() - began) * 1e3)
        if answer.status != 200:
            raise BenchTrouble(f"{path} was answered {answer.status}: {answer.body[:300].decode()}")
    costs = [(after - b) * 1e3 / len(asked) for b, after in zip(before, spent(), strict=True)]
    wire.close()
    return Batch(waits, *costs)


def figures_of(name: str, batches: Sequence[Batch], most: float | None = None) -> list[Figure]:
    """Of one kind of request at one size; `most` milliseconds may the slowest hundredth take."""
    every = [wait for batch in batches for wait in batch.waits]
    p99 = [quantile(every, 0.99)]
    label = f"{name}: p99"
    return [
        Figure(f"{name}: p50", "ms", [quantile(batch.waits, 0.5) for batch in batches]),
        Figure(label, "ms", p99) if most is None else at_most(label, "ms", p99, most),
        Figure(f"{name}: processor of its API", "ms/request", [batch.api for batch in batches]),
        Figure(f"{name}: processor of Postgres", "ms/request", [batch.postgres for batch in batches]),
    ]
