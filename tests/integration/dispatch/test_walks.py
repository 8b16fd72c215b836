"""A walk over the pages of a list while others act: no case twice, and each that stood still."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.integration.dispatch.conftest import City, street

# What the world does between two pages: to which case, and what.
MOVES = ("act", "open", "close", "move", "hurry", "delay")
SCRIPTS = st.lists(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 30)), max_size=5), max_size=6)
STANDING = 9

OPEN = """
    INSERT INTO dispatch.cases (id, report_id, number, status, version, revision, area, born_in, lon, lat, category,
                                description, source, opened_at, reports, waits_until, clocks)
    SELECT uuidv7(), gen_random_uuid(), 'W' || n, 'handling', 1, 1, $1, $1, 116.3, 39.9, '01003', '井盖破损', 'app',
           now(), '{}', now() + n * interval '1 minute', '{}'
      FROM generate_series(1, $2::int) AS n
    RETURNING id
"""
_CLOCK = """jsonb_build_object('handle', jsonb_build_object('since', 1, 'warn_at', 1, 'due_at',
            (extract(epoch FROM {at}) * 1000000)::bigint))"""
ACTS = {
    # An act that starts another clock, or none: the case's place in the order of urgency changes.
    "act": f"status = 'handled', clocks = {_CLOCK.format(at='now() + random() * 30 * interval $$1 minute$$')}",
    "close": "status = 'closed', clocks = '{}'",
    "move": "area = born_in || '.9'",
    "hurry": f"clocks = {_CLOCK.format(at='least(waits_until, now() + interval $$1 day$$) - interval $$7 minutes$$')}",
    "delay": f"clocks = {_CLOCK.format(at='now() + 40 * interval $$1 minute$$')}",
}


@pytest.mark.parametrize("sort", ["newest", "oldest", "due"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=SCRIPTS, late=st.booleans())
@example(script=[[("close", 1), ("hurry", 1)]], late=False)
async def test_a_walk_shows_no_case_twice_and_each_that_stood_still(
    city: City, sort: str, script: list[list[tuple[str, int]]], late: bool
) -> None:
    area = street()
    pool = city.wired.pool
    made = [row["id"] for row in await pool.fetch(OPEN, area, 20)]
    random.Random(0).shuffle(made)
    standing, moving = made[:STANDING], made[STANDING:]
    # One whose act has begun before the walk and commits in the midst of it.
    slow = await pool.acquire()
    pending = slow.transaction()
    await pending.start()
    await slow.execute(f"UPDATE dispatch.cases SET {ACTS['delay']} WHERE id = $1", moving[0])
    try:
        seen = await _walk(city, area, sort, script, moving, slow if late else None, pending)
    finally:
        if not late:
            await pending.rollback()
        await pool.release(slow)
    assert len(seen) == len(set(seen))
    assert {str(case) for case in standing} <= set(seen)


async def _walk(
    city: City, area: str, sort: str, script: list[list[tuple[str, int]]], moving: list[Any], slow: Any, pending: Any
) -> list[str]:
    seen: list[str] = []
    cursor, steps = "", list(script)
    while True:
        path = f"/dispatch/v1/cases?area={area}&sort={sort}&status=handling&status=handled&limit=4{cursor}"
        answer = await city.http.get(path, headers=city.headers("acceptor"))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += [case["id"] for case in page["items"]]
        if slow is not None and cursor == "":
            await pending.commit()
        for act, number in steps.pop(0) if steps else []:
            if act == "open":
                moving += [row["id"] for row in await city.wired.pool.fetch(OPEN, area, 1)]
            elif (case := moving[number % len(moving)]) is not moving[0]:
                await city.wired.pool.execute(f"UPDATE dispatch.cases SET {ACTS[act]} WHERE id = $1", case)
        if page["next"] is None:
            if slow is not None and cursor == "":
                assert len(seen) <= 4
            return seen
        cursor = f"&cursor={page['next']}"
