"""Clocks while workers are killed, get in each other's way and disagree about the time."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from services.dispatch.commands.mark_due import mark_due
from tests.chaos.faults.processes import FAKETIME
from tests.integration.dispatch.conftest import City, eventually
from tests.integration.dispatch.passing import let_pass

STEPS = ("mark_warned", "mark_overdue", "auto_escalate")


@asynccontextmanager
async def worker(city: City, mode: str, word: str, **more: str) -> AsyncIterator[Process]:
    """A process of `clock_worker` that came so far as to say `word`; killed with the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")} | more
    environment |= {"WANGGE_DATABASE_URL": city.wired.settings.database_url, "WANGGE_ENVIRONMENT": "test"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.dispatch.clock_worker", mode), env=environment, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert (await process.stdout.readline()).decode().strip() == word
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def opened(city: City, count: int, past: timedelta) -> list[UUID]:
    """New cases whose accept clock has run for so long."""
    records = [city.record() for _ in range(count)]
    await city.deliver(*records)
    reports = [UUID(record.subject) for record in records]
    rows = await city.wired.pool.fetch("SELECT id FROM dispatch.cases WHERE report_id = ANY ($1::uuid[])", reports)
    for row in rows:
        await let_pass(city, {"id": str(row["id"])}, past)
    return [row["id"] for row in rows]


async def fired(city: City, cases: Sequence[UUID]) -> Counter[tuple[UUID, str]]:
    """How often each step of each case is in the timeline."""
    rows = await city.wired.pool.fetch(
        "SELECT case_id, act FROM dispatch.timeline WHERE case_id = ANY ($1::uuid[]) AND act = ANY ($2::text[])",
        cases,
        STEPS,
    )
    return Counter((row["case_id"], row["act"]) for row in rows)


async def all_once(city: City, cases: Sequence[UUID], *acts: str) -> bool:
    """True when each of `cases` has each of `acts`; fails for one that has a step twice or one too many."""
    found = await fired(city, cases)
    expected = Counter((case, act) for case in cases for act in acts)
    assert found <= expected, found - expected
    return found == expected


async def test_a_worker_killed_between_claim_and_commit_leaves_it_to_another(own_city: City) -> None:
    city = own_city
    cases = await opened(city, 40, timedelta(minutes=13))
    async with worker(city, "hold", "holding") as dying, worker(city, "work", "working"):
        await asyncio.sleep(1.5)
        assert await fired(city, cases) == Counter(), "what one holds no other fires"
        dying.send_signal(signal.SIGKILL)
        await eventually(lambda: all_once(city, cases, "mark_warned"), 10)
        await asyncio.sleep(1.0)
        assert await all_once(city, cases, "mark_warned")
    published = await city.wired.pool.fetchval(
        "SELECT count(*) FROM dispatch.outbox WHERE subject = ANY ($1::text[]) AND type = 'case.warned.v1'",
        [str(case) for case in cases],
    )
    assert published == 40


async def test_several_workers_fire_each_step_once_also_when_some_are_killed(own_city: City) -> None:
    city = own_city
    cases = await opened(city, 400, timedelta(minutes=14, seconds=57))
    async with (
        worker(city, "work", "working"),
        worker(city, "work", "working") as first,
        worker(city, "work", "working") as second,
    ):
        for unlucky in (first, second):
            await asyncio.sleep(0.7)
            unlucky.send_signal(signal.SIGKILL)
        await eventually(lambda: all_once(city, cases, "mark_warned", "mark_overdue"), 20)
    rows = await city.wired.pool.fetch(
        "SELECT case_id, array_agg(act ORDER BY version) AS acts, array_agg(version ORDER BY version) AS versions"
        " FROM dispatch.timeline WHERE case_id = ANY ($1::uuid[]) GROUP BY 1",
        cases,
    )
    assert {tuple(row["acts"]) for row in rows} == {("open", "mark_warned", "mark_overdue")}
    assert {tuple(row["versions"]) for row in rows} == {(1, 2, 3)}


WRONG = [("its own", {"SHIFT_SECONDS": shift}) for shift in ("300", "-300")]
if FAKETIME is not None:
    fake = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    WRONG += [("the machine's", fake | {"FAKETIME": shift}) for shift in ("+300", "-300")]


@pytest.mark.parametrize(("clock", "shifted"), WRONG, ids=lambda each: str(each)[-16:])
async def test_the_databases_time_decides_and_nobody_elses(own_city: City, clock: str, shifted: dict[str, str]) -> None:
    """A worker five minutes ahead fires nothing early, and one five minutes behind nothing late."""
    city = own_city
    due = await opened(city, 3, timedelta(minutes=12, seconds=1))
    soon = await opened(city, 3, timedelta(minutes=9))
    async with worker(city, "work", "working", **shifted):
        await eventually(lambda: all_once(city, due, "mark_warned"), 4)
        await asyncio.sleep(1.0)
    assert await fired(city, soon) == Counter()
    assert await city.wired.pool.fetchval(
        "SELECT bool_and(abs(extract(epoch FROM now() - at)) < 60) FROM dispatch.timeline"
        " WHERE case_id = ANY ($1::uuid[]) AND act = 'mark_warned'",
        due,
    )


@pytest.mark.parametrize("status", ["reported", "accepted", "filed"])
async def test_a_case_that_nobody_was_given_is_fired_too(own_city: City, status: str) -> None:
    city = own_city
    case = await city.until(status)
    assert case["unit"] is None
    await let_pass(city, case, timedelta(minutes=16))
    assert await mark_due(city.wired) == 1
    assert await all_once(city, [UUID(case["id"])], "mark_warned", "mark_overdue")


async def test_a_step_beyond_red_is_fired_published_and_no_more(own_city: City) -> None:
    city = own_city
    case = await city.until("handling")
    await let_pass(city, case, timedelta(days=60))
    assert await mark_due(city.wired) == 1
    assert await all_once(city, [UUID(case["id"])], *STEPS)
    assert (await city.outbox(case["id"]))[-1]["type"] == "case.escalated.v1"
    assert await city.wired.pool.fetchval("SELECT FROM dispatch.clocks WHERE case_id = $1", UUID(case["id"])) is None


async def test_the_due_table_names_the_step_that_comes_next(own_city: City) -> None:
    city = own_city
    # Two hours by day and night: of a limit in working hours, a weekend moved into the past may be the whole of the
    # next step's time.
    case = await city.until("handling", "missing_or_displaced")
    for step, instant in (("warn", "warn_at"), ("overdue", "due_at"), ("at_200", None)):
        row = await city.wired.pool.fetchrow(
            "SELECT k.step, c.clocks -> 'handle' AS clock, extract(epoch FROM now())::float AS now"
            " FROM dispatch.clocks k JOIN dispatch.cases c ON c.id = k.case_id WHERE c.id = $1",
            UUID(case["id"]),
        )
        assert row is not None
        assert row["step"] == step
        if instant:
            await let_pass(city, case, timedelta(seconds=row["clock"][instant] / 1e6 - row["now"] + 1))
            assert await mark_due(city.wired) == 1
