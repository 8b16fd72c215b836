"""Dispatch writes its events without the contract's models: here each kind of them is read back with its model."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.dispatch.domain.acts import automatic, perform
from services.dispatch.domain.case import Act, Case, Place, Post, Status
from services.dispatch.domain.due import mark, recompute
from services.dispatch.domain.history import Judge
from services.dispatch.domain.table import MARKS, TABLE
from services.dispatch.outgoing import TYPES, events_of, imported_event, told_of
from shared.bus.event import Event
from shared.contracts import dispatch as contract
from shared.kernel.area import AreaPath
from shared.kernel.errors import Refusal
from tests.unit.dispatch.calendars import LATE, RAISING, dispatched, published
from tests.unit.dispatch.cases import (
    AUTOMATIC,
    HOUR,
    MINUTE,
    RULES,
    START,
    STRAIGHT,
    actor,
    do,
    opened,
    order,
    prepared,
    until,
)
from tests.unit.dispatch.told import told

A, P = Act, Post
MODELS = {model.TYPE: model for model in contract.FACTS}


def walked() -> list[Case]:
    """Cases that between them went through every act."""
    closed = opened()
    walk: list[tuple[Act, Post, dict[str, Any]]] = [
        (A.REQUEST_VERIFICATION, P.ACCEPTOR, {"assignee": "grid_worker-1", "task_id": UUID(int=9)}),
        (A.ANSWER_VERIFICATION, P.GRID_WORKER, {"location": Place(116.3, 39.9), "answered_at": START}),
        *((act, post, {}) for act, post in STRAIGHT[:5]),
        (A.ORDER_REWORK, P.DISPATCHER, {}),
        (A.REPORT_HANDLED, P.UNIT_CLERK, {"evidence": (UUID(int=7), UUID(int=8))}),
        (A.REQUEST_CHECK, P.ACCEPTOR, {"task_id": UUID(int=10)}),
        (A.ANSWER_CHECK, P.SUPERVISOR, {"passed": False, "location": Place(116.3, 39.9)}),
        (A.ORDER_REWORK, P.ACCEPTOR, {}),
        *((act, post, {}) for act, post in STRAIGHT[4:]),
    ]
    for act, post, fields in walk:
        closed = do(closed, act, post, **fields)
    declined = do(opened(), A.DECLINE, P.ACCEPTOR)
    unfiled = do(do(opened(), A.ACCEPT, P.ACCEPTOR), A.REFUSE_FILING, P.SHIFT_LEADER)
    overdue = mark(automatic(opened(), START, AUTOMATIC), START + 3 * HOUR, AUTOMATIC)
    raised = mark(automatic(opened(), START, AUTOMATIC), START + 4 * HOUR + MINUTE, RAISING)
    moved = recompute(dispatched(LATE), LATE + HOUR, published(RULES, 2027, off=[date(2027, 1, 1)]))
    return [closed, declined, unfiled, overdue, raised, moved, *each_act()]


def each_act() -> Iterator[Case]:
    """One case for each row of the table, and one on which an urging, a part and a suspension ran out."""
    for (status, act), step in TABLE.items():
        case = prepared(until(status), act)
        if act not in MARKS - {A.ABSORB, A.ADD_REPORT, A.REMOVE_REPORT, A.NOTE_WITHDRAWAL, A.NOTE_ADDITION}:
            with suppress(Refusal):  # rows whose guard this regime never meets
                yield perform(case, order(act), actor(step.posts[0]), case.facts[-1].at, RULES)
    case = do(do(until(Status.HANDLING), A.URGE, P.DISPATCHER), A.COORDINATE, P.DISPATCHER, meeting_at=START)
    suspended = do(do(case, A.REQUEST_SUSPENSION, P.UNIT_CLERK), A.APPROVE_SUSPENSION, P.COMMAND_LEADER)
    yield mark(suspended, START + timedelta(days=100), RULES)


def imported() -> Event:
    """The one event of a case that another system closed."""
    case = Judge(RULES).taken_in(told())
    return imported_event(case, orjson.dumps(told_of(case)))


EVENTS = [*events_of(walked()), imported()]


def test_every_act_is_among_them() -> None:
    acts = {orjson.loads(event.data)["act"] for event in EVENTS}
    assert acts == set(Act) == TYPES.keys()
    assert set(TYPES.values()) == MODELS.keys()


@pytest.mark.parametrize("number", range(len(EVENTS)))
def test_it_is_what_its_contract_says(number: int) -> None:
    event = EVENTS[number]
    model = MODELS[event.type]
    written = orjson.loads(event.data)
    fact = model.model_validate_json(event.data)
    assert written.keys() <= model.model_fields.keys(), "nothing is published that the contract does not name"
    # What an old system did not tell is left out there: see the next test.
    told = written.pop("told", None)
    read = {name: value for name, value in orjson.loads(fact.model_dump_json()).items() if name in written}
    assert _instants(written) == _instants(read)
    assert (told is not None) == (model is contract.CaseImported)
    assert (fact.version, fact.case_id, fact.at) == (event.sequence, event.subject, event.at)


def test_what_an_old_system_told_is_what_its_contract_says() -> None:
    written = orjson.loads(imported().data)["told"]
    read = contract.CaseImported.model_validate_json(imported().data).told
    assert contract.Told.model_validate(written, strict=False) == read
    assert written.keys() == contract.Told.model_fields.keys()
    assert {name for step in written["steps"] for name in step} == contract.ToldStep.model_fields.keys()


def _instants(value: Any) -> Any:
    """Instants as such: the same ones are written +00:00 by us and Z by pydantic."""
    if isinstance(value, dict):
        return {name: _instants(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_instants(each) for each in value]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return datetime.fromisoformat(value)
    return value


def test_a_case_that_moves_says_where_it_came_from_and_its_earlier_facts_where_they_were() -> None:
    late = do(opened(), A.CORRECT, P.ACCEPTOR, at=START + HOUR, area=AreaPath("110108.013.001.001"))
    assert [(e.type, e.routing_key, e.routing_key_from) for e in events_of([late])] == [
        ("case.opened.v1", "110108.012.003.017", None),
        ("case.warned.v1", "110108.012.003.017", None),
        ("case.overdue.v1", "110108.012.003.017", None),
        ("case.corrected.v1", "110108.013.001.001", "110108.012.003.017"),
    ]
    assert {e.key for e in events_of([late])} == {"110108.012.003.017"}, "the partition is that of its birth"
