"""Dispatch writes its events without the contract's models: here each kind of them is read back with its model."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from services.dispatch.domain.acts import automatic, mark
from services.dispatch.domain.case import Act, Case, Place, Post
from services.dispatch.domain.history import Judge
from services.dispatch.outgoing import TYPES, events_of, imported_event, told_of
from shared.bus.event import Event
from shared.contracts import dispatch as contract
from tests.unit.dispatch.cases import AUTOMATIC, HOUR, RULES, START, STRAIGHT, do, opened
from tests.unit.dispatch.told import told

A, P = Act, Post
MODELS = {model.TYPE: model for model in contract.FACTS}


def walked() -> list[Case]:
    """Cases that between them went through every act."""
    closed = opened()
    walk: list[tuple[Act, Post, dict[str, Any]]] = [
        (A.REQUEST_VERIFICATION, P.ACCEPTOR, {"assignee": "worker-7", "task_id": UUID(int=9)}),
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
    return [closed, declined, unfiled, overdue]


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
    known = {k: v for k, v in written.items() if k in (*TIMES, "told")}
    assert written == orjson.loads(fact.model_dump_json()) | known
    assert (fact.version, fact.case_id, fact.at) == (event.sequence, event.subject, event.at)


def test_what_an_old_system_told_is_what_its_contract_says() -> None:
    written = orjson.loads(imported().data)["told"]
    read = contract.CaseImported.model_validate_json(imported().data).told
    assert contract.Told.model_validate(written, strict=False) == read
    assert written.keys() == contract.Told.model_fields.keys()
    assert {name for step in written["steps"] for name in step} == contract.ToldStep.model_fields.keys()


# The same instants, written +00:00 by us and Z by pydantic.
TIMES = ("at", "due_at", "opened_at", "occurred_at", "answered_at")
