"""What an act writes of a case: all that it changed, and only that."""

from dataclasses import fields, replace

from services.dispatch.domain.case import Act, Case, Place, Post, Status
from services.dispatch.store.bulk import CHANGES, MOVED
from services.dispatch.store.changes import OF_MEMBER, changed, columns_of
from services.dispatch.store.rows import asks_of
from tests.unit.dispatch.cases import do, opened, prepared, until

# What no act changes, and what is written otherwise: the facts as rows, the head with them.
FIXED = {"id", "number", "born_in", "description", "source", "opened_at", "occurred_at", "attributes", "history"}
OTHERWISE = {"facts", "head"}


def test_every_member_of_a_case_is_written_or_never_changes() -> None:
    assert {field.name for field in fields(Case)} == OF_MEMBER.keys() | FIXED | OTHERWISE
    assert columns_of(MOVED).keys() | CHANGES.keys() == columns_of(OF_MEMBER).keys()
    assert not columns_of(MOVED).keys() & CHANGES.keys()


def test_a_member_that_is_as_it_was_is_not_written() -> None:
    case = opened()
    assert changed(case, case) == []
    after = replace(case, version=case.version + 1, place=Place(116.4, 39.8))
    assert [column.name for column in changed(case, after)] == ["version", "lon", "lat"]
    assert [column.of(after) for column in changed(case, after)] == [after.version, 116.4, 39.8]


def test_an_end_takes_away_what_was_asked_for_though_the_record_stays() -> None:
    request = prepared(until(Status.HANDLING), Act.APPROVE_RETURN)
    assert asks_of(request) == ["request"]
    ended = replace(request, status=Status.VOIDED)
    assert {column.name: column.of(ended) for column in changed(request, ended)} == {"status": "voided", "asks": None}


def test_each_act_of_the_straight_path_writes_few_columns() -> None:
    before = until(Status.HANDLING)
    case = do(before, Act.REPORT_HANDLED, Post.UNIT_CLERK)
    names = {column.name for column in changed(before, case)}
    assert {"status", "version", "revision", "result", "clocks"} <= names
    assert len(names) < 12
