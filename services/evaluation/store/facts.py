"""The facts that were counted, as they came."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from services.evaluation.incoming import KeptFact, read_fact
from shared.postgres import Connection

ADD = """
    INSERT INTO evaluation.facts (case_id, version, type, at, routing_key, data)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::text[], $6::bytea[])
    ON CONFLICT (case_id, version) DO NOTHING
"""
COUNT = "SELECT count(*) FROM evaluation.facts"
IN_ORDER = "SELECT case_id, version, type, data FROM evaluation.facts ORDER BY case_id, version"


async def add(tx: Connection, kept: Sequence[KeptFact]) -> None:
    """Keep each fact once, one round trip."""
    await tx.execute(
        ADD,
        [k.fact.case_id for k in kept],
        [k.fact.version for k in kept],
        [k.type for k in kept],
        [k.fact.at for k in kept],
        [k.fact.routing_key for k in kept],
        [k.data for k in kept],
    )


async def count(tx: Connection) -> int:
    return int(await tx.fetchval(COUNT, timeout=3600))


async def in_order(tx: Connection) -> AsyncIterator[tuple[UUID, int, KeptFact]]:
    """Every kept fact, a case after the other and each case's in the order of its versions; never all in memory."""
    async for row in tx.cursor(IN_ORDER, prefetch=5_000, timeout=3600):
        yield row["case_id"], row["version"], read_fact(row["type"], row["data"])
