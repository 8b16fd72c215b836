"""Outcomes of requests are kept for a while and then forgotten, by every service that stores them."""

import asyncio

import pytest

from shared import idempotency
from shared.postgres import create_pool, transaction


@pytest.mark.parametrize("schema", ["intake", "dispatch", "notify"])
async def test_old_outcomes_are_forgotten_and_recent_ones_kept(database: str, schema: str) -> None:
    pool = await create_pool(database, name="test", size=2)
    answer = idempotency.Stored(b"hash", 200, None, b"{}")
    async with transaction(pool) as tx:
        await idempotency.save(tx, schema, "sweep", "old", answer)
        await idempotency.save(tx, schema, "sweep", "new", answer)
        await tx.execute(
            f"UPDATE {schema}.idempotency SET created_at = now() - interval '73 hours'"
            " WHERE caller = 'sweep' AND key = 'old'"
        )
    stop = asyncio.Event()
    sweeping = asyncio.create_task(idempotency.sweep_job(pool, schema, 72).run(stop))
    try:
        async with asyncio.timeout(10):
            while True:
                async with transaction(pool) as tx:
                    if await idempotency.find(tx, schema, "sweep", "old") is None:
                        assert await idempotency.find(tx, schema, "sweep", "new") == answer
                        break
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await sweeping
        await pool.close()
