"""The situation, from counters and without them: the same figures as a recount of the cases."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from services.dispatch.commands.carry_on import fold_moves, forget_days, recount
from services.dispatch.store import tallies
from shared.kernel.area import AreaPath
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.dispatch.conftest import PATH, City, carried_on, street
from tests.integration.dispatch.test_doors import app_of

TRUTH = """
    SELECT array_to_string((string_to_array(area, '.'))[1:$2::int], '.') AS area,
           count(*) FILTER (WHERE is_open) AS cases, count(*) FILTER (WHERE is_open AND overdue) AS overdue,
           count(*) FILTER (WHERE is_open AND warned) AS warned,
           count(*) FILTER (WHERE opened_at >= today) AS opened_today,
           count(*) FILTER (WHERE status = 'closed' AND ended_at >= today) AS closed_today
      FROM (SELECT *, status NOT IN ('rejected', 'closed', 'voided') AS is_open,
                   date_trunc('day', now() AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai' AS today
              FROM dispatch.cases WHERE area = $1 OR starts_with(area, $1 || '.')) AS c
     GROUP BY 1
"""


async def shown(city: City, where: str, post: str = "command_leader", **more: Any) -> dict[str, dict[str, Any]]:
    answer = await city.http.get(f"/dispatch/v1/situation?area={where}", headers=city.headers(post, **more))
    assert answer.status_code == 200, answer.text
    return {item.pop("area"): item for item in answer.json()["items"]}


async def truth(city: City, area: str) -> dict[str, dict[str, Any]]:
    rows = [dict(row) for row in await city.wired.pool.fetch(TRUTH, area, area.count(".") + 2)]
    return {row.pop("area"): row for row in rows if any(value for name, value in row.items() if name != "area")}


def without_statuses(items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for item in items.values():
        assert sum(item["statuses"].values()) == item["cases"]
    return {area: {name: n for name, n in item.items() if name != "statuses"} for area, item in items.items()}


@pytest.mark.parametrize("folded", [False, True])
async def test_open_cases_and_todays_one_level_down(city: City, folded: bool) -> None:
    area = street()
    await carried_on(city)
    for child in ("01.001", "01.002", "02.001"):
        await city.case(routing_key=f"{area}.{child}")
    case = await city.case(routing_key=f"{area}.02.002")
    for act, post, body in PATH:
        case = await city.act(case, act, post, body)
    await city.act(await city.case(routing_key=f"{area}.02.002"), "accept", "acceptor")
    late = await city.case(routing_key=f"{area}.02.002")
    await city.wired.pool.execute("UPDATE dispatch.cases SET warned = true, overdue = true WHERE id = $1", late["id"])
    if folded:
        await carried_on(city)
        assert not await city.wired.pool.fetchval("SELECT count(*) FROM dispatch.case_moves")
    none = {"overdue": 0, "warned": 0, "closed_today": 0}
    assert await shown(city, area) == {
        f"{area}.01": none | {"statuses": {"reported": 2}, "cases": 2, "opened_today": 2},
        f"{area}.02": {
            "statuses": {"accepted": 1, "reported": 2},
            "cases": 3,
            "overdue": 1,
            "warned": 1,
            "opened_today": 4,
            "closed_today": 1,
        },
    }


async def test_a_caller_sees_the_own_part_of_an_area(city: City) -> None:
    area = street()
    for child in ("01.001", "02.001", "02.002"):
        await city.case(routing_key=f"{area}.{child}")
    for _ in range(2):
        for own, expected in (
            (f"{area}.02", {f"{area}.02": 2}),
            (f"{area}.02.001", {f"{area}.02": 1}),
            (f"{area}.03", {}),
            (f"{area}.0", {}),
        ):
            found = await shown(city, area, area=own)
            assert {name: item["cases"] for name, item in found.items()} == expected, own
        await carried_on(city)


async def test_a_case_in_an_area_and_in_none_of_its_parts_stands_under_its_name(city: City) -> None:
    area = street()
    await city.case(routing_key=area)
    await city.case(routing_key=f"{area}.01")
    for _ in range(2):
        assert {name: item["cases"] for name, item in (await shown(city, area)).items()} == {area: 1, f"{area}.01": 1}
        assert {name: item["cases"] for name, item in (await shown(city, f"{area}.01")).items()} == {f"{area}.01": 1}
        await carried_on(city)


async def test_a_units_clerk_and_an_app_of_some_categories_get_their_own_counted(city: City) -> None:
    area = street()
    case = await city.case(routing_key=f"{area}.01")
    await city.case(routing_key=f"{area}.01", category="01001")
    for act, post, body in PATH[:3]:
        case = await city.act(case, act, post, body)
    await carried_on(city)
    clerk = await shown(city, area, "unit_clerk", unit="drainage")
    assert clerk[f"{area}.01"]["statuses"] == {"dispatched": 1}
    assert await shown(city, area, "unit_clerk", unit="gas") == {}
    headers = await app_of(city, area, ["01001"])
    items = (await city.http.get(f"/dispatch/v1/situation?area={area}", headers=headers)).json()["items"]
    assert [(item["statuses"], item["opened_today"]) for item in items] == [({"reported": 1}, 1)]


async def test_counts_by_status_come_from_counters_and_agree_with_the_rest(city: City) -> None:
    area = street()
    await city.act(await city.case(routing_key=f"{area}.01"), "accept", "acceptor")
    await city.case(routing_key=f"{area}.02", category="01001")
    await city.case(routing_key=f"{area}.02")

    async def counts(query: str, post: str = "auditor", **more: Any) -> dict[str | None, int]:
        path = f"/dispatch/v1/counts?area={area}&{query}"
        answer = (await city.http.get(path, headers=city.headers(post, **more))).json()
        assert answer["truncated"] is False
        return {item["key"]: item["cases"] for item in answer["items"]}

    for _ in range(2):
        assert await counts("by=status") == {"reported": 2, "accepted": 1}
        assert await counts("by=status&status=accepted") == {"accepted": 1}
        assert await counts("by=status&category=01001") == {"reported": 1}
        assert await counts("by=category") == {"01003": 2, "01001": 1}
        assert await counts("by=unit") == {None: 3}
        assert await counts("by=area") == {f"{area}.02": 2, f"{area}.01": 1}
        assert await counts("by=area", area=f"{area}.01") == {f"{area}.01": 1}
        assert await counts("by=status", area=f"{area}.01") == {"accepted": 1}
        assert await counts("by=status", "unit_clerk", unit="gas") == {}
        await carried_on(city)


async def test_a_recount_finds_and_mends_what_came_behind_the_triggers_back(own_city: City) -> None:
    area = street()
    await own_city.case(routing_key=f"{area}.01")
    await carried_on(own_city)
    assert await recount(own_city.wired) == 0
    async with transaction(own_city.wired.pool) as tx:
        await tx.execute("ALTER TABLE dispatch.cases DISABLE TRIGGER USER")
        await tx.execute("UPDATE dispatch.cases SET status = 'filed' WHERE area = $1", f"{area}.01")
        await tx.execute("ALTER TABLE dispatch.cases ENABLE TRIGGER USER")
    assert (await shown(own_city, area))[f"{area}.01"]["statuses"] == {"reported": 1}
    # For each of three areas: one less reported, one more filed.
    assert await recount(own_city.wired) == 6
    assert (await shown(own_city, area))[f"{area}.01"]["statuses"] == {"filed": 1}


STATUSES = ("reported", "accepted", "filed", "handling", "handled", "closed", "rejected")


@pytest.mark.parametrize("seed", range(3))
async def test_counters_equal_a_recount_after_a_storm_with_killed_folders(own_city: City, seed: int) -> None:
    """Cases opened by COPY, acted on, marked, moved and deleted by eight at once, while folders fold and are killed."""
    area, chance, pool = street(), random.Random(seed), own_city.wired.pool
    grids = [f"{area}.{n // 4:02d}.{n:03d}" for n in range(12)] + [area]
    ids = [row["id"] for row in await pool.fetch("SELECT id FROM dispatch.cases LIMIT 0")]
    over = asyncio.Event()
    seen: Counter[str] = Counter()

    async def act(chance: random.Random) -> None:
        for _ in range(40):
            match chance.randrange(6):
                case 0:
                    records = [own_city.record(routing_key=chance.choice(grids)) for _ in range(chance.randrange(1, 9))]
                    await own_city.deliver(*records)
                    reports = [record.subject for record in records]
                    rows = await pool.fetch("SELECT id FROM dispatch.cases WHERE report_id = ANY ($1::uuid[])", reports)
                    ids.extend(row["id"] for row in rows)
                case 1 if ids:
                    await change("area = $2", chance, chance.choice(grids))
                case 2 if ids:
                    await change("overdue = NOT overdue, warned = $2", chance, chance.random() < 0.5)
                case 3 if ids and chance.random() < 0.1:
                    await pool.execute("DELETE FROM dispatch.cases WHERE id = $1", chance.choice(ids))
                case _ if ids:
                    await change("status = $2", chance, chance.choice(STATUSES))
                case _:
                    pass

    async def change(what: str, chance: random.Random, value: object) -> None:
        some = chance.sample(ids, min(len(ids), chance.randrange(1, 6)))
        lock = "SELECT FROM dispatch.cases WHERE id = ANY ($1) ORDER BY id FOR UPDATE"
        async with transaction(pool) as tx:
            await tx.execute(lock, some)
            await tx.execute(f"UPDATE dispatch.cases SET {what} WHERE id = ANY ($1)", some, value)
            if chance.random() < 0.2:
                seen["rolled back"] += 1
                raise asyncpg.DataError("an act that fails at the end")

    async def quietly(actor: random.Random) -> None:
        with suppress(asyncpg.DataError):
            await act(actor)

    async def fold() -> None:
        while not over.is_set():
            task = asyncio.create_task(fold_moves(own_city.wired))
            if chance.random() < 0.4:
                await asyncio.sleep(chance.random() * 0.01)
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
                seen["folded"] += 1
                continue
            seen["killed"] += 1

    async def look() -> None:
        """At any instant counters and moves together are what the cases are."""
        zone = own_city.wired.rules.calendar.time_zone
        while not over.is_set():
            async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
                rows = await connection.fetch(TRUTH, area, 1)
                counted = sum(
                    tally.cases
                    for tally in await tallies.read(connection, AreaPath("110108"), zone)
                    if tally.area == area and tally.status not in ("closed", "rejected", None)
                )
            assert counted == sum(row["cases"] for row in rows)
            seen["looked"] += 1
            await asyncio.sleep(0.01)

    folders = [asyncio.create_task(each()) for each in (fold, fold, look)]
    await asyncio.gather(*(quietly(random.Random(f"{seed}-{n}")) for n in range(8)))
    over.set()
    await asyncio.gather(*folders)
    assert min(seen[what] for what in ("rolled back", "folded", "killed", "looked")) > 0, seen
    for where in (area, f"{area}.00", f"{area}.01"):
        assert without_statuses(await shown(own_city, where)) == await truth(own_city, where)
    while await fold_moves(own_city.wired):
        pass
    assert without_statuses(await shown(own_city, area)) == await truth(own_city, area)
    assert await recount(own_city.wired) == 0


async def test_days_that_nobody_asks_for_are_forgotten(own_city: City) -> None:
    await own_city.case(routing_key=street())
    await carried_on(own_city)
    pool = own_city.wired.pool
    await pool.execute("UPDATE dispatch.case_days SET day = day - 2")
    await forget_days(own_city.wired)
    assert await pool.fetchval("SELECT count(*) FROM dispatch.case_days") == 0


async def test_a_city_older_than_its_counters_is_counted_first(own_city: City) -> None:
    area = f"{street()}.{uuid7().hex[-4:]}"
    await own_city.case(routing_key=f"{area}.01")
    pool = own_city.wired.pool
    await pool.execute("TRUNCATE dispatch.case_moves, dispatch.case_counts, dispatch.case_days, dispatch.case_recounts")
    assert (await shown(own_city, area))[f"{area}.01"]["cases"] == 1  # counted directly
    await carried_on(own_city)
    assert await pool.fetchval("SELECT cases FROM dispatch.case_counts WHERE parent = $1", area) == 1
    assert (await shown(own_city, area))[f"{area}.01"]["opened_today"] == 1
