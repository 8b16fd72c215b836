"""Time that passes without anybody waiting for it: a case's instants are moved into the past."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.integration.dispatch.conftest import City

MOVE = "UPDATE dispatch.cases SET clocks = $2, matters = $3, ended_at = ended_at - $4::interval WHERE id = $1"
MOVE_TIMERS = "UPDATE dispatch.clocks SET due_at = due_at - $2::interval WHERE case_id = $1"


async def let_pass(city: City, case: dict[str, Any], time: timedelta) -> None:
    """As if `time` had passed since the case's clocks, and all else that waits on it, were set."""
    row = await city.wired.pool.fetchrow("SELECT clocks, matters FROM dispatch.cases WHERE id = $1", UUID(case["id"]))
    assert row is not None
    clocks, matters = row
    for clock in clocks.values():
        for name in clock.keys() & {"since", "warn_at", "due_at"}:
            clock[name] -= time // timedelta(microseconds=1)
        if "ahead" in clock:
            clock["ahead"][1] -= time // timedelta(microseconds=1)
    await city.wired.pool.execute(MOVE, UUID(case["id"]), clocks, _earlier(matters, time), time)
    await city.wired.pool.execute(MOVE_TIMERS, UUID(case["id"]), time)


def _earlier(value: Any, time: timedelta) -> Any:
    """Every instant within a JSON value, `time` earlier."""
    if isinstance(value, dict):
        return {
            name: (datetime.fromisoformat(each) - time).isoformat()
            if isinstance(each, str) and name.endswith(("_at", "_due", "_since", "_until", "until"))
            else _earlier(each, time)
            for name, each in value.items()
        }
    return [_earlier(each, time) for each in value] if isinstance(value, list) else value
