"""A case's clocks as its row keeps them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from services.dispatch.domain.case import Case
from services.dispatch.domain.clocks import Ahead, Spell, Stage, StageClock
from services.dispatch.store.rows import clocks_json, clocks_of
from tests.unit.dispatch.cases import opened

AT = datetime(2026, 11, 23, 4, 5, 6, 789012, UTC)
RUNNING = StageClock(Stage.FILE, timedelta(hours=2), False, 3, timedelta(seconds=3.25), AT, AT, AT, 100)
STOPPED = StageClock(Stage.HANDLE, timedelta(days=7), True, 1, timedelta(0), None, AT, AT, 80)
SPELL = Spell(AT - timedelta(hours=3), AT - timedelta(hours=1), timedelta(hours=2))
RAISED = replace(
    RUNNING,
    stage=Stage.CHECK,
    reached=200,
    ahead=Ahead(300, AT + timedelta(hours=4)),
    calendar="cn-2027-1/cn-2026-1",
    edition=0,
    spells=(SPELL,),
)
EARLY = replace(RUNNING, stage=Stage.VERIFY, reached=0, ahead=Ahead(50, AT - timedelta(hours=1)), calendar="cn-2026-1")
YELLOW = replace(RUNNING, stage=Stage.ACCEPT, reached=80, ahead=Ahead(100, AT))


@pytest.fixture
def case() -> Case:
    return replace(opened(), clocks=(RUNNING, STOPPED, RAISED, EARLY, YELLOW))


def test_clocks_come_back_as_they_were_to_the_microsecond(case: Case) -> None:
    assert clocks_of(orjson.loads(orjson.dumps(clocks_json(case)))) == case.clocks


def test_what_is_false_or_not_set_takes_no_room(case: Case) -> None:
    stored = clocks_json(case)
    assert set(stored["file"]) == {"limit", "generation", "spent", "since", "warn_at", "due_at", "warned", "overdue"}
    assert set(stored["handle"]) == {"limit", "continuous", "generation", "warn_at", "due_at", "warned"}
    assert stored["verify"].keys() - stored["file"].keys() == {"ahead", "calendar"}
    assert "ahead" not in stored["accept"], "yellow, then red: what every clock has is not told"


def test_a_row_of_the_first_weeks_is_read() -> None:
    told = {"limit": 7_200_000_000, "continuous": False, "generation": 3, "spent": 3_250_000, "warned": False}
    times = dict.fromkeys(("since", "warn_at", "due_at"), AT.isoformat())
    assert clocks_of({"file": {**told, **times, "overdue": True}}) == (RUNNING,)
    (yellow,) = clocks_of({"file": {**told, **times, "warned": True}})
    assert (yellow.warned, yellow.overdue, yellow.ahead) == (True, False, Ahead(100, AT))
    (fresh,) = clocks_of({"file": {**told, **times}})
    assert (fresh.reached, fresh.ahead, fresh.edition, fresh.spells) == (0, Ahead(80, AT), None, ())


def test_a_program_of_the_first_weeks_reads_what_is_written_now(case: Case) -> None:
    for stored in clocks_json(case).values():
        assert {"warn_at", "due_at", "generation", "limit"} <= stored.keys()
    assert clocks_json(case)["check"]["overdue"] is True
