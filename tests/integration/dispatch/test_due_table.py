"""The due table at scale: a look costs what is due, not what is open. `make bench ONLY=i` has it at 10⁶ clocks."""

import pytest

from services.dispatch.commands.mark_due import mark_due
from shared.postgres import connect
from tests.integration.dispatch.conftest import City
from tests.integration.dispatch.many_clocks import fill, look

DUE, FEW, MANY = 200, 10_000, 100_000


@pytest.mark.parametrize("believed_empty", [True, False])
async def test_a_look_costs_no_more_among_very_many_clocks(own_database: str, believed_empty: bool) -> None:
    connection = await connect(own_database, name="plans")
    try:
        if believed_empty:
            for table in ("cases", "clocks"):
                await connection.execute(f"ALTER TABLE dispatch.{table} SET (autovacuum_enabled = false)")
        looks = {}
        await fill(connection, 1, DUE, due_in=-300, apart=0.1)
        for size, first in ((FEW, DUE + 1), (MANY, FEW + 1)):
            await fill(connection, first, size, due_in=3600, apart=0.5)
            if not believed_empty:
                await connection.execute("ANALYZE dispatch.cases, dispatch.clocks")
            looks[size] = await look(connection, 500)
    finally:
        await connection.close()
    for found in looks.values():
        assert found["rows"] == DUE
        assert "clocks_due_at_idx" in found["plan"]
        assert "Seq Scan" not in found["plan"]
    # Found 4 and 6 pages for each due one: the tree of the cases is a level deeper, no more.
    assert looks[MANY]["buffers"] <= 1.75 * looks[FEW]["buffers"], {n: each["buffers"] for n, each in looks.items()}
    assert looks[MANY]["buffers"] <= 8 * DUE


async def test_a_look_at_nothing_due_is_one_descent(own_database: str) -> None:
    connection = await connect(own_database, name="plans")
    try:
        await fill(connection, 1, 20_000, due_in=3600, apart=0.5)
        found = await look(connection, 500)
    finally:
        await connection.close()
    assert (found["rows"], found["buffers"] <= 5) == (0, True), found["buffers"]


async def test_what_was_fired_does_not_lie_in_the_way(fresh_city: City) -> None:
    """Fired timers move to their next step: the entries that they leave behind are not walked over for ever."""
    city = fresh_city
    connection = await connect(city.wired.settings.database_url, name="plans")
    try:
        await fill(connection, 1, 5_000, due_in=-170, apart=0.001)
        await fill(connection, 5_001, 20_000, due_in=3600, apart=0.5)
        while await mark_due(city.wired):
            pass
        assert (
            await city.wired.pool.fetchval("SELECT count(*) FROM dispatch.timeline WHERE act = 'mark_warned'") == 5_000
        )
        await connection.execute("VACUUM dispatch.clocks")
        found = await look(connection, 500)
    finally:
        await connection.close()
    assert found["buffers"] <= 30, found
