"""The mac computed before a row is written is the one computed from the row as it is read back."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.dispatch.audit.chain import CHAINED, canonical
from services.dispatch.commands.make_checkpoint import make_checkpoint
from services.dispatch.domain.case import SYSTEM, Act, Actor, Case, Fact, Place, Status
from services.dispatch.queries.verification import Wanted
from services.dispatch.store import auditing, timeline
from services.dispatch.store.auditing import LAST_UUID
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.dispatch.conftest import PATH, City
from tests.integration.dispatch.test_audit_tampering import verified
from tests.unit.dispatch.cases import opened

# What Postgres can hold: neither U+0000 nor halves of surrogate pairs.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 1e16, 1.0, 116.3, 2.0**63, -(2.0**63), 2.0**64, 1e300, 5e-324, 1e-7])
WHOLE = st.integers(-(2**63), 2**64 - 1)
TIMES = st.datetimes(
    datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])
)
PLACES = st.builds(Place, FLOATS, FLOATS)
PLAIN = st.none() | st.booleans() | WHOLE | FLOATS | TEXT | PLACES | TIMES | st.uuids()
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
FACTS = st.builds(
    Fact,
    version=st.integers(1, 2**31 - 1),
    revision=st.integers(1, 2**31 - 1),
    act=st.sampled_from(Act),
    at=TIMES,
    actor=st.just(SYSTEM) | st.builds(Actor, TEXT, st.none() | TEXT, st.none() | TEXT),
    from_status=st.none() | st.sampled_from(Status),
    status=st.sampled_from(Status),
    opinion=st.none() | TEXT,
    evidence=st.lists(st.uuids(), max_size=3).map(tuple),
    unit=st.none() | TEXT,
    clock=st.none() | st.dictionaries(TEXT, WHOLE | FLOATS, max_size=3),
    details=st.dictionaries(TEXT, VALUES, max_size=5),
)


class _TakenBack(Exception):
    pass


async def read_back(city: City, case: Case, by_copy: bool) -> list[tuple[Any, ...]]:
    """The rows of the case's facts, written as bulk opening or as an act does it, and read as a check does."""
    rows, _ = timeline.told([case], city.wired.audit.current, "key-1")
    try:
        async with transaction(city.wired.pool) as tx:
            if by_copy:
                await timeline.add(tx, rows)
            else:
                await tx.execute(timeline.insert_sql(), *timeline.columns(rows))
            batch = await auditing.batch(tx, case.id, LAST_UUID, 1)
            raise _TakenBack
    except _TakenBack:
        return [(*row.columns, row.mac) for row in batch.rows[case.id]]


@given(fact=FACTS, by_copy=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_a_row_reads_as_it_was_written(city: City, fact: Fact, by_copy: bool) -> None:
    case = replace(opened(), id=uuid7(), facts=(fact,))
    [written], [head] = timeline.told([case], city.wired.audit.current, "key-1")
    [found] = await read_back(city, case, by_copy)
    assert canonical(found[:-1]) == canonical(written[:-1])
    assert found[-1] == head


async def test_every_column_of_the_timeline_is_in_the_chain(city: City) -> None:
    names = await city.wired.pool.fetch(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = 'dispatch' AND table_name = 'timeline' ORDER BY ordinal_position"
    )
    assert {row["column_name"] for row in names} == {*CHAINED, "mac"}, "another column is another form of the row"


async def test_a_request_names_its_key_in_the_row_and_what_the_system_adds_does_not(city: City) -> None:
    case = await city.act(await city.case(), "accept", "acceptor", key="ours-1")
    rows = await city.wired.pool.fetch(
        "SELECT actor, key FROM dispatch.timeline WHERE case_id = $1 ORDER BY version", UUID(case["id"])
    )
    assert [tuple(row) for row in rows] == [("system", None), ("acceptor-1", "ours-1")]


async def test_a_storm_of_acts_verifies_while_it_goes_on_and_after(fresh_city: City) -> None:
    city = fresh_city
    dsn, keys = city.wired.settings.database_url, city.wired.audit
    await city.deliver(*[city.record() for _ in range(60)])
    ids = [row["id"] for row in await city.wired.pool.fetch("SELECT id FROM dispatch.cases ORDER BY id")]
    going = True

    async def walk(mine: list[UUID]) -> None:
        for case_id in mine:
            case = await city.seen(case_id)
            for act, post, body in PATH:
                case = await city.act(case, act, post, body)

    async def checkpoint() -> int:
        made = 0
        while going:
            made += await make_checkpoint(city.wired) is not None
            await asyncio.sleep(0.02)
        return made

    storm = asyncio.gather(*(walk(ids[n::4]) for n in range(4)))
    making = asyncio.create_task(checkpoint())
    seen = []
    while not storm.done():
        outcome, findings = await verified(dsn, keys)
        assert findings == []
        seen.append(outcome.rows)
    await storm
    going = False
    assert await making > 3
    assert len(set(seen)) > 3, "it was looked at while it grew"
    await make_checkpoint(city.wired)
    outcome, findings = await verified(dsn, keys)
    assert findings == []
    assert (outcome.rows, outcome.cases) == (60 * 9, 60)
    [last] = await city.wired.pool.fetch(
        "SELECT total_rows, total_cases FROM dispatch.audit_checkpoints ORDER BY number DESC LIMIT 1"
    )
    assert tuple(last) == (540, 60)


async def test_a_part_of_the_time_is_checked_alone(fresh_city: City) -> None:
    city = fresh_city
    await city.case()
    await make_checkpoint(city.wired)
    await asyncio.sleep(0.01)
    since = await city.wired.pool.fetchval("SELECT clock_timestamp()")
    await asyncio.sleep(0.01)
    await city.case()
    await make_checkpoint(city.wired)
    tampered = """
        UPDATE dispatch.timeline SET actor = 'x'; UPDATE dispatch.audit_entries SET version = version + 1"""
    dsn, keys = city.wired.settings.database_url, city.wired.audit
    _, findings = await verified(dsn, keys, Wanted(since=since), tampered)
    assert len(findings) == 2
    _, findings = await verified(dsn, keys, statements=tampered)
    assert len(findings) == 4
