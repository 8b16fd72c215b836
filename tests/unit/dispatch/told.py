"""Cases as an old system tells them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.dispatch.domain.case import Place
from services.dispatch.domain.history import STEPS, Told
from services.dispatch.domain.worktime import Limit, Unit
from shared.kernel.area import AreaPath

# Monday, 10:00 in Beijing.
BEGAN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
# Minutes after the report, each step within its limit of a quarter of an hour.
STRAIGHT = {
    "reported": 0,
    "accepted": 10,
    "filed": 20,
    "dispatched": 30,
    "handled": 90,
    "check_requested": 100,
    "checked": 110,
    "closed": 120,
}


def by_step(given: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(given.get(step) for step in STEPS)


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def told(minutes: Mapping[str, float] | None = None, **fields: Any) -> Told:
    """A closed case of the rules in `cases.py`, everything in time; `minutes` when which step was."""
    times = {step: at(after) for step, after in (STRAIGHT if minutes is None else minutes).items()}
    case = Told(
        system="old",
        number="2026-0001",
        outcome="closed",
        category="cover",
        condition="missing",
        description="a cover is missing",
        source="hotline",
        area=AreaPath("110108.012.003.017"),
        place=Place(116.3, 39.9),
        unit="water",
        first_unit=None,
        limit=Limit(2, Unit.URGENT_HOUR),
        due_at=None,
        times=by_step(times),
        by=by_step({"filed": "li"}),
        posts=by_step({"filed": "shift_leader"}),
        on_time=by_step({}),
    )
    return case._replace(**fields)
