"""Clocks that run out while nobody acts. Time is moved by moving a case's clocks into the past."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.dispatch.commands.mark_due import mark_due
from services.dispatch.worker import clock_job
from shared.contracts import dispatch as contract
from tests.integration.dispatch.conftest import City, eventually

MOVE = """
    UPDATE dispatch.cases SET clocks = $2::jsonb WHERE id = $1
"""
MOVE_TIMER = "UPDATE dispatch.clocks SET due_at = due_at - $2::interval WHERE case_id = $1"


async def let_pass(city: City, case: dict[str, Any], time: timedelta) -> None:
    """As if `time` had passed since the case's clocks were set."""
    clocks = await city.wired.pool.fetchval("SELECT clocks FROM dispatch.cases WHERE id = $1", UUID(case["id"]))
    for clock in clocks.values():
        for name in clock.keys() & {"since", "warn_at", "due_at"}:
            clock[name] -= time // timedelta(microseconds=1)
        if "ahead" in clock:
            clock["ahead"][1] -= time // timedelta(microseconds=1)
    await city.wired.pool.execute(MOVE, UUID(case["id"]), clocks)
    await city.wired.pool.execute(MOVE_TIMER, UUID(case["id"]), time)


async def marks(city: City, case: dict[str, Any]) -> list[str]:
    return [e["type"] for e in await city.outbox(case["id"]) if e["type"] in ("case.warned.v1", "case.overdue.v1")]


async def timer(city: City, case: dict[str, Any]) -> tuple[str, str, int] | None:
    row = await city.wired.pool.fetchrow(
        "SELECT stage, step, generation FROM dispatch.clocks WHERE case_id = $1", UUID(case["id"])
    )
    return tuple(row) if row else None


async def test_every_running_clock_has_its_timer(own_city: City) -> None:
    city = own_city
    expected = {
        "reported": ("accept", "warn", 1),
        "accepted": ("file", "warn", 1),
        "filed": ("dispatch", "warn", 1),
        "dispatched": ("handle", "warn", 1),
        "handling": ("handle", "warn", 1),
        "handled": None,
        "checking": ("check", "warn", 1),
        "checked": None,
        "closed": None,
    }
    for status, row in expected.items():
        assert await timer(city, await city.until(status)) == row, status
    assert await mark_due(city.wired) == 0, "nothing is due yet"


async def test_yellow_then_red_once_each(own_city: City) -> None:
    city = own_city
    case = await city.case()
    await let_pass(city, case, timedelta(minutes=13))
    assert await mark_due(city.wired) == 1
    assert await mark_due(city.wired) == 0
    assert await marks(city, case) == ["case.warned.v1"]
    assert await timer(city, case) == ("accept", "overdue", 1)
    await let_pass(city, case, timedelta(minutes=3))
    assert await mark_due(city.wired) == 1
    assert await mark_due(city.wired) == 0
    assert await marks(city, case) == ["case.warned.v1", "case.overdue.v1"]
    assert await timer(city, case) is None
    now = await city.seen(case["id"])
    assert (now["version"], now["revision"], now["overdue"]) == (3, 1, False)
    assert now["clock"]["overdue"] is True
    assert now["clock"]["left_s"] < 0


async def test_a_mark_costs_nobody_a_stale_revision(own_city: City) -> None:
    city = own_city
    case = await city.case()
    await let_pass(city, case, timedelta(hours=1))
    await mark_due(city.wired)
    after = await city.act(case, "accept", "acceptor")
    assert (after["version"], after["revision"]) == (4, 2)


async def test_handling_that_is_overdue_makes_the_case_overdue(own_city: City) -> None:
    city = own_city
    case = await city.until("handling")
    await let_pass(city, case, timedelta(days=60))
    await mark_due(city.wired)
    now = await city.seen(case["id"])
    assert now["overdue"] is True
    answer = await city.http.get("/dispatch/v1/cases?overdue=true", headers=city.headers("dispatcher"))
    assert case["id"] in [seen["id"] for seen in answer.json()["items"]]
    events = await city.outbox(case["id"])
    overdue = contract.CaseOverdue.model_validate_json(events[-1]["data"])
    assert (overdue.stage, overdue.overdue, overdue.unit, overdue.actor) == ("handle", True, "drainage", "system")
    assert overdue.clock is not None
    assert overdue.clock.used_s >= overdue.clock.limit_s == 4 * 3600
    handled = await city.act(now, "report_handled", "unit_clerk", {"result": "late"})
    assert handled["overdue"] is True
    late = contract.CaseHandled.model_validate_json((await city.outbox(case["id"]))[-1]["data"])
    assert late.on_time is False


async def test_an_act_outruns_no_mark(own_city: City) -> None:
    city = own_city
    case = await city.until("handling")
    await let_pass(city, case, timedelta(days=60))
    await city.act(case, "report_handled", "unit_clerk", {"result": "late"})
    assert await marks(city, case) == ["case.warned.v1", "case.overdue.v1"]
    assert await timer(city, case) is None
    assert await mark_due(city.wired) == 0


async def test_a_timer_that_outlived_its_clock_marks_nothing(own_city: City) -> None:
    city = own_city
    case = await city.until("handled")
    await city.wired.pool.execute(
        "INSERT INTO dispatch.clocks VALUES ($1, 'handle', 'overdue', now() - interval '1 hour', 1)", UUID(case["id"])
    )
    assert await mark_due(city.wired) == 1
    assert await marks(city, case) == []
    assert await timer(city, case) is None


async def test_many_workers_mark_each_case_once(own_city: City) -> None:
    city = own_city
    records = [city.record() for _ in range(300)]
    await city.deliver(*records)
    reports = [UUID(record.subject) for record in records]
    opened = await city.wired.pool.fetch("SELECT id FROM dispatch.cases WHERE report_id = ANY ($1::uuid[])", reports)
    await asyncio.gather(*(let_pass(city, {"id": str(row["id"])}, timedelta(minutes=13)) for row in opened))
    # A worker may look at a case that another has just marked; what counts is that it is marked once.
    await asyncio.gather(*(mark_due(city.wired) for _ in range(6)))
    while await mark_due(city.wired):
        pass
    rows = await city.wired.pool.fetch(
        "SELECT subject, count(*) AS n FROM dispatch.outbox"
        " WHERE type = 'case.warned.v1' AND subject = ANY ($1::text[]) GROUP BY 1",
        [str(row["id"]) for row in opened],
    )
    assert len(rows) == 300
    assert {row["n"] for row in rows} == {1}


async def test_a_case_that_somebody_holds_is_marked_afterwards(own_city: City) -> None:
    city = own_city
    case = await city.case()
    await let_pass(city, case, timedelta(minutes=13))
    async with city.wired.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM dispatch.cases WHERE id = $1 FOR UPDATE", UUID(case["id"]))
        assert await mark_due(city.wired) == 0
    assert await mark_due(city.wired) == 1


async def test_the_worker_marks_within_two_seconds(own_city: City) -> None:
    city = own_city
    case = await city.case()
    stop = asyncio.Event()
    working = asyncio.ensure_future(clock_job(city.wired).run(stop))
    try:
        await let_pass(city, case, timedelta(minutes=13))
        assert await eventually(lambda: marks(city, case), 2.0) == ["case.warned.v1"]
    finally:
        stop.set()
        await working


async def test_rework_lets_the_old_time_count(own_city: City) -> None:
    city = own_city
    case = await city.until("handling")
    await let_pass(city, case, timedelta(days=60))
    case = await city.act(case, "report_handled", "unit_clerk", {"result": "done"})
    case = await city.act(case, "order_rework", "dispatcher", {"opinion": "no"})
    assert case["status"] == "handling"
    assert case["clock"]["stage"] == "handle"
    assert case["clock"]["used_s"] > 0
