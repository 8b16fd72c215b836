"""Every list is found by an index, however many requests there are: the plans, on forty thousand of them."""

import re
from datetime import timedelta
from typing import Any

import pytest

from services.intake.domain.open311 import id_floor
from services.intake.store import open311 as lists
from services.intake.store import open311_following as following
from services.intake.store import open311_sql
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.intake.conftest import SOUTH, WEST
from tests.integration.open311.conftest import Open311

COUNT = 40_000
# Ids over 80 days, a fiftieth of them open, a hundred services; the last ones are not settled yet.
FILL = f"""
    WITH made AS (
        SELECT n, (lpad(to_hex((extract(epoch FROM now() - interval '80 days') * 1000)::bigint
               + n * (80 * 86400000::bigint / {COUNT})), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
               || '8000' || lpad(to_hex(n), 12, '0'))::uuid AS id
          FROM generate_series(1, {COUNT}) AS n
    ), reports AS (
        INSERT INTO intake.reports (id, tracking_code, routing_key, category, description, lon, lat, source,
                                    received_at, caller)
        SELECT id, 'X', '110108.012.003.001', lpad((n % 100)::text, 5, '0'), 'x', {WEST}, {SOUTH}, 'app', now(), 'x'
          FROM made
    ), settled AS (UPDATE intake.open311_settled SET upto = (SELECT id FROM made WHERE n = {COUNT} - 50)),
    requests AS (
        INSERT INTO intake.open311_requests (report_id, case_id, open, category, area, lon, lat)
        SELECT id, id, n % 50 = 0, lpad((n % 100)::text, 5, '0'), '110108.012.003.001', {WEST}, {SOUTH}
          FROM made WHERE n <= {COUNT} - 50
    )
    INSERT INTO intake.open311_updates (case_id, version, at, act, status)
    SELECT id, v, now() - interval '80 days' * (1 - n / {COUNT}.0) + interval '1 hour' * v, 'accept', 'accepted'
      FROM made, generate_series(1, 3) AS v WHERE n <= {COUNT} - 50
"""


@pytest.fixture(scope="module")
async def many(own_door: Open311) -> Open311:
    pool = own_door.wired.pool
    await pool.execute(FILL)
    await pool.execute(
        "UPDATE intake.open311_requests SET lon = lon - 0.001, lat = lat - 0.001 WHERE report_id IN"
        " (SELECT report_id FROM intake.open311_requests ORDER BY report_id LIMIT 400)"
    )
    for table in ("reports", "open311_requests", "open311_updates"):
        await pool.execute(f"VACUUM ANALYZE intake.{table}")
    return own_door


def _range(days: float) -> tuple[Any, Any]:
    now = utc_now()
    return id_floor(now - timedelta(days=days)), id_floor(now + timedelta(days=1))


ANYWHERE = ["", None, None, None, None]


async def _plan(many: Open311, sql: str, *given: Any) -> tuple[str, float]:
    """The plan as text, and how many rows were read for each row that was answered."""
    async with many.wired.pool.acquire() as connection:
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) {sql}", *given)
    text = "\n".join(row[0] for row in rows)
    assert "Seq Scan on reports" not in text, text
    assert "Seq Scan on open311_requests" not in text, text
    assert "Seq Scan on open311_updates" not in text, text
    read = [
        float(rows) * float(loops)
        for rows, loops in re.findall(r"Scan[^\n]*? on (?:reports|open311_\w+)[^\n]*rows=([\d.]+) loops=(\d+)", text)
    ]
    return text, sum(read)


@pytest.mark.parametrize("page", [1, 20])
@pytest.mark.parametrize("days", [1, 90])
async def test_by_time(many: Open311, page: int, days: float) -> None:
    text, read = await _plan(many, lists.LIST, *_range(days), *ANYWHERE, 50, (page - 1) * 50)
    assert "open311_requests_pkey" in text
    assert read <= page * 50 + 200, text


NEAR = (WEST - 0.0011, SOUTH - 0.0011, WEST - 0.0005, SOUTH - 0.0005)


@pytest.mark.parametrize("asked", [(None, None), (["00001", "00003"], None), (None, [True]), (["00001"], [False])])
async def test_by_a_box_with_few_in_it(many: Open311, asked: tuple[Any, Any]) -> None:
    """Four hundred old ones lie a little aside: nobody walks past the forty thousand others to find them. (The plan
    counts each of them twice: in the index and in the table.)
    """
    async with many.wired.pool.acquire() as connection:
        assert await lists.few_in(connection, NEAR)
        assert not await lists.few_in(connection, (0.0, 0.0, 180.0, 90.0))
    text, read = await _plan(many, lists.LIST_NEAR, *_range(90), "", *NEAR, *asked, 50, 0)
    assert "open311_requests_place" in text
    assert read <= 1_000, text
    _, read = await _plan(many, open311_sql.NEAR, 0.0, 0.0, 180.0, 90.0)
    assert read <= open311_sql.FEW + 1
    text, read = await _plan(many, lists.COUNT_NEAR, *_range(90), "", *NEAR, *asked)
    assert read <= 1_000, text
    given = (*_range(90), "", *NEAR, ["00001"], [True, False], 1_000, 0)
    found = [await many.wired.pool.fetch(sql, *given) for sql in (lists.LIST_NEAR, lists.LIST_CATEGORY)]
    assert found[0] == found[1]
    assert found[0]


@pytest.mark.parametrize("opens", [[True], [False], [True, False]])
async def test_by_status(many: Open311, opens: list[bool]) -> None:
    """The open ones are few among many: nobody walks past the others."""
    text, read = await _plan(many, lists.LIST_STATUS, *_range(90), *ANYWHERE, opens, 50, 0)
    assert "open311_requests_open" in text
    assert read <= 50 * len(opens) + 200, text


@pytest.mark.parametrize("opens", [[True], [False], [True, False]])
@pytest.mark.parametrize("codes", [["00050"], ["00001", "00002", "00050"]])
async def test_by_service(many: Open311, codes: list[str], opens: list[bool]) -> None:
    text, read = await _plan(many, lists.LIST_CATEGORY, *_range(90), *ANYWHERE, codes, opens, 50, 0)
    assert "open311_requests_category" in text
    assert read <= 50 * len(opens) * len(codes) + 200, text


async def test_by_change(many: Open311) -> None:
    now = utc_now()
    at = (now - timedelta(days=20), now)
    given = (*_range(90), *ANYWHERE, None, None, *at, id_floor(at[0]), id_floor(at[1]))
    text, read = await _plan(many, lists.LIST_UPDATED, *given, 50, 0)
    assert "open311_updates_at" in text
    assert read < COUNT, text


async def test_updates_of_a_window(many: Open311) -> None:
    now = utc_now()
    text, read = await _plan(
        many, following.UPDATES, now - timedelta(hours=2), now, "", 1_000, 0, uuid7(now - timedelta(hours=2)), uuid7()
    )
    assert "open311_updates_at" in text
    assert read <= 3_000, text


async def test_one_and_some(many: Open311) -> None:
    ids = [row[0] for row in await many.wired.pool.fetch("SELECT id FROM intake.reports LIMIT 20")]
    text, read = await _plan(many, lists.SHOW, ids)
    assert "reports_pkey" in text
    assert read <= 200, text
    await _plan(many, lists.NOTES, ids)
    await _plan(many, following.UPDATES_OF, utc_now() - timedelta(days=90), utc_now(), "", ids)


async def test_a_count_reads_the_index_alone(many: Open311) -> None:
    text, _ = await _plan(many, lists.COUNT_STATUS, *_range(90), *ANYWHERE, [True])
    assert "open311_requests_open" in text


async def test_a_list_is_planned_for_what_it_asks(many: Open311) -> None:
    """Also the seventh time, when Postgres might go over to the plan that serves any question."""
    async with transaction(many.wired.pool) as tx:
        await lists.plan_each(tx)
        assert await tx.fetchval("SHOW plan_cache_mode") == "force_custom_plan"
        for _ in range(7):
            await lists.listed_ids(tx, lists.Asked(*_range(90), categories=["00050"], opens=[True]), 50, 0)
        (plans,) = await tx.fetch(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", lists.LIST_CATEGORY
        )
    assert (plans["generic_plans"], plans["custom_plans"] >= 7) == (0, True)


async def test_settling_looks_at_each_report_once(many: Open311) -> None:
    async with many.wired.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        rows = await connection.fetch(
            f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) {following.SETTLE}", uuid7(), 2_000, ["closed"]
        )
        await transaction.rollback()
    text = "\n".join(row[0] for row in rows)
    assert "Seq Scan on reports" not in text, text
