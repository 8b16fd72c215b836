"""Facts leave the outbox by where they lie, whatever the planner believes of a table that is now empty and now full."""

import pytest

from shared.bus import embedded
from shared.bus.kafka import producer
from shared.bus.relay import SETTINGS
from shared.postgres import connect
from tests.integration.bus.world import SCHEMA, World

BACKLOG = 5_000


@pytest.mark.parametrize("believed_empty", [True, False])
async def test_a_backlog_is_taken_by_where_it_lies(world: World, believed_empty: bool) -> None:
    await world.publish(*(world.event(f"s{n}", 1, key=f"110108.{n % 40:03d}") for n in range(BACKLOG)))
    connection = await connect(world.settings.database_url, name="plans", **SETTINGS)
    try:
        if not believed_empty:
            await connection.execute(f"ANALYZE {SCHEMA}.outbox")
        if world.kind == "embedded":
            await connection.execute(f"PREPARE take (smallint[], bigint) AS {embedded._move(SCHEMA)}")
            arguments = "'{0,1,2,3,4,5,6,7,8,9,10,11}', 50"
        else:
            await connection.execute(f"PREPARE take (smallint[], bigint[]) AS {producer._delete(SCHEMA)}")
            oldest = await connection.fetch(f"SELECT shard, id FROM {SCHEMA}.outbox ORDER BY id LIMIT 500")
            arguments = ", ".join(f"'{{{','.join(str(row[n]) for row in oldest)}}}'" for n in (0, 1))
        plan = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) EXECUTE take ({arguments})")
    finally:
        await connection.close()
    told = "\n".join(row[0] for row in plan)
    assert "Tid Scan on outbox o" in told
    assert "Seq Scan" not in told
    assert 0 < await world.waiting() < BACKLOG
