"""With a hundred thousand cases stored, what desks ask reads an index and little of it."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.dispatch.domain.queues import OF_POST
from services.dispatch.domain.search import grams, searched, terms
from services.dispatch.store import counting, lists, map, queue, tallies
from services.dispatch.store.wanted import CUSTOM_PLAN, OPEN, Forms, Sight, Wanted, prepared
from shared import migrations
from shared.kernel.area import AreaPath
from shared.postgres import connect
from tests.conftest import new_database

STORED, OPENED = 100_000, 3_000
COPIED = (
    *("id", "report_id", "reports", "number", "status", "version", "revision", "area", "born_in", "lon", "lat"),
    *("category", "description", "source", "opened_at", "unit", "waits_until", "clocks"),
)
WHAT = ("雨水井盖破损", "路灯不亮", "违规停车占道", "垃圾堆放无人清理", "树木倒伏", "夜间施工噪声", "河道漂浮物")


@pytest.fixture(scope="module")
async def stored(postgres_dsn: str) -> AsyncIterator[Any]:
    dsn = await new_database(postgres_dsn)
    await asyncio.to_thread(migrations.migrate, dsn)
    connection: Any = await connect(dsn, name="plans")
    await connection.execute(
        """CREATE TABLE seeds AS
           SELECT n, uuidv7((n - 100000) * interval '1 minute') AS id, now() + (n - 100000) * interval '1 minute' AS at
             FROM generate_series(1, 100000) AS n"""
    )
    chance = random.Random(0)
    cases: list[tuple[Any, ...]] = []
    words: list[tuple[Any, ...]] = []
    for number, case_id, at in await connection.fetch("SELECT n, id, at FROM seeds ORDER BY n"):
        status = chance.choice(OPEN[:9]) if number > STORED - OPENED else "closed"
        area = f"110108.{chance.randrange(30):03d}.{chance.randrange(20):03d}.{chance.randrange(15):03d}"
        what = f"{chance.choice(WHAT)}，编号{number:06d}"
        case: tuple[Any, ...] = (case_id, case_id, [case_id], f"YC20260101{number:06d}", status, 1, 1, area, area)
        case += (116 + chance.random(), 39.5 + chance.random(), "01003", what, "app", at)
        cases.append((*case, f"unit-{chance.randrange(60)}" if status != "reported" else None, at, {}))
        text = searched(case[3], what, {})
        words.append((case_id, case[3], text, grams(text)))
    await connection.execute("ALTER TABLE dispatch.cases DISABLE TRIGGER USER")
    await connection.copy_records_to_table("cases", schema_name="dispatch", columns=COPIED, records=cases)
    await connection.execute("ALTER TABLE dispatch.cases ENABLE TRIGGER USER")
    await connection.copy_records_to_table("case_words", schema_name="dispatch", records=words)
    async with connection.transaction():
        await tallies.recount(connection, "Asia/Shanghai")
    await connection.execute("VACUUM ANALYZE dispatch.cases, dispatch.case_words, dispatch.case_counts")
    yield connection
    await connection.close()


async def plan(connection: Any, statement: str, *given: Any) -> tuple[str, int]:
    """The plan, and how many pages were read for it."""
    async with connection.transaction():
        await connection.execute(CUSTOM_PLAN)
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, COSTS OFF) {statement}", *given)
    told = "\n".join(row[0] for row in rows)
    pages = re.search(r"Buffers: shared (?:hit=(\d+))?(?: ?read=(\d+))?", told)
    assert pages is not None
    return told, int(pages[1] or 0) + int(pages[2] or 0)


async def chosen(connection: Any, wanted: Wanted, statement: Forms) -> tuple[Any, ...]:
    async with connection.transaction():
        sql, given = await prepared(connection, CITY, wanted, statement)
        return sql, *given


CITY, DISTRICT = Sight(AreaPath("")), AreaPath("110108")
COMMUNITY = AreaPath("110108.011.003")


@pytest.mark.parametrize("area", [DISTRICT, COMMUNITY])
@pytest.mark.parametrize("query", ["编号099", "012345", "垃圾堆放无人清理", "没有的词", "yc2026010109999"])
async def test_words_are_found_by_an_index(stored: Any, query: str, area: AreaPath) -> None:
    wanted = Wanted(area, terms=terms(query))
    told, pages = await plan(stored, *await chosen(stored, wanted, lists.NEWEST), None, 51)
    assert "Seq Scan" not in told, told
    assert "case_words" in told
    assert pages < 9_000, told


async def test_a_rare_word_is_found_by_its_pairs(stored: Any) -> None:
    wanted = Wanted(DISTRICT, terms=terms("054321"))
    told, pages = await plan(stored, *await chosen(stored, wanted, lists.NEWEST), None, 51)
    assert "case_words_grams_idx" in told, told
    assert pages < 600, told


async def test_a_number_is_found_by_the_index_of_numbers(stored: Any) -> None:
    wanted = Wanted(DISTRICT, number="YC20260101054321")
    told, pages = await plan(stored, *await chosen(stored, wanted, lists.NEWEST), None, 51)
    assert "case_words_number_idx" in told, told
    assert pages < 20


@pytest.mark.parametrize("post", ["acceptor", "shift_leader", "dispatcher", "supervisor", "unit_clerk"])
@pytest.mark.parametrize("area", [DISTRICT, COMMUNITY])
async def test_a_queue_reads_open_cases_alone_in_their_order(stored: Any, post: str, area: AreaPath) -> None:
    whose = (AreaPath(""), area, *queue.owner_of(post, "unit-7", "somebody"))
    told, pages = await plan(stored, queue.page_sql(OF_POST[post]), *whose, None, None, None, 51)
    assert "Seq Scan" not in told, told
    assert pages < 1_500, told
    told, pages = await plan(stored, queue.count_sql(OF_POST[post]), *whose)
    assert "Seq Scan" not in told, told
    assert pages < 2_500, told


@pytest.mark.parametrize("statuses", [None, ["reported", "handling"]])
async def test_the_most_urgent_of_all_are_read_in_order(stored: Any, statuses: list[str] | None) -> None:
    wanted = Wanted(DISTRICT, statuses=statuses)
    told, pages = await plan(stored, *await chosen(stored, wanted, lists.URGENT), None, None, None, 51)
    assert "cases_waiting" in told, told
    assert "Seq Scan" not in told
    assert pages < 1_500, told


async def test_a_map_reads_its_box(stored: Any) -> None:
    wanted = Wanted(DISTRICT)
    told, pages = await plan(stored, *await chosen(stored, wanted, map.WITHIN), 116.30, 39.90, 116.35, 39.95, 2000)
    assert "cases_open_places" in told, told
    assert pages < 100, told


async def test_the_situation_reads_no_case(stored: Any) -> None:
    told, pages = await plan(stored, tallies.READ, "Asia/Shanghai", DISTRICT, "", 2)
    assert " on cases" not in told, told
    assert pages < 200


async def test_a_clerks_situation_reads_open_cases_and_todays(stored: Any) -> None:
    sight = Sight(DISTRICT, "unit-7")
    told, pages = await plan(stored, counting.DIRECT, "Asia/Shanghai", *sight, DISTRICT, 2)
    assert "Seq Scan" not in told, told
    assert pages < 4_000, told
