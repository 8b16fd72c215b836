"""A case's clocks as its row keeps them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.dispatch.domain.case import Case
from services.dispatch.domain.clocks import Stage, StageClock
from services.dispatch.store.rows import clocks_json, clocks_of
from tests.unit.dispatch.cases import opened

AT = datetime(2026, 11, 23, 4, 5, 6, 789012, UTC)
RUNNING = StageClock(Stage.FILE, timedelta(hours=2), False, 3, timedelta(seconds=3.25), AT, AT, AT, False, True)
STOPPED = StageClock(Stage.HANDLE, timedelta(days=7), True, 1, timedelta(0), None, AT, AT, True, False)


@pytest.fixture
def case() -> Case:
    return replace(opened(), clocks=(RUNNING, STOPPED))


def test_clocks_come_back_as_they_were_to_the_microsecond(case: Case) -> None:
    assert clocks_of(clocks_json(case)) == (RUNNING, STOPPED)


def test_what_is_false_or_not_set_takes_no_room(case: Case) -> None:
    stored = clocks_json(case)
    assert set(stored["file"]) == {"limit", "generation", "spent", "since", "warn_at", "due_at", "overdue"}
    assert set(stored["handle"]) == {"limit", "continuous", "generation", "warn_at", "due_at", "warned"}


def test_a_row_of_the_first_weeks_is_read() -> None:
    told = {"limit": 7_200_000_000, "continuous": False, "generation": 3, "spent": 3_250_000, "warned": False}
    times = dict.fromkeys(("since", "warn_at", "due_at"), AT.isoformat())
    assert clocks_of({"file": {**told, **times, "overdue": True}}) == (RUNNING,)
