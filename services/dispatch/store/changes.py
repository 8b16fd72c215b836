"""The columns of a case's row that acts change, and how each is got from the case."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from services.dispatch.domain.case import Case
from services.dispatch.store.clocks import oldest_edition
from services.dispatch.store.rows import asks_of, clocks_json, matters_json


class Column(NamedTuple):
    """A column, its type in PostgreSQL, and its value."""

    name: str
    kind: str
    of: Callable[[Case], Any]


_ASKS = Column("asks", "text[]", asks_of)
# Member of a case → what is stored of it. What `asks` names depends on the status too: an ended case asks for nothing.
OF_MEMBER: Mapping[str, tuple[Column, ...]] = {
    "status": (Column("status", "text", lambda case: case.status), _ASKS),
    "version": (Column("version", "int", lambda case: case.version),),
    "revision": (Column("revision", "int", lambda case: case.revision),),
    "condition": (Column("condition", "text", lambda case: case.condition),),
    "limit": (
        Column("limit_amount", "int", lambda case: case.limit.amount if case.limit else None),
        Column("limit_unit", "text", lambda case: case.limit.unit if case.limit else None),
    ),
    "unit": (Column("unit", "text", lambda case: case.unit),),
    "assisting": (Column("assisting", "text[]", lambda case: case.assisting),),
    "handlers": (Column("handlers", "text[]", lambda case: case.handlers),),
    "task_id": (Column("task_id", "uuid", lambda case: case.task_id),),
    "assignee": (Column("assignee", "text", lambda case: case.assignee),),
    "result": (Column("result", "text", lambda case: case.result),),
    "verified": (Column("verified", "text", lambda case: case.verified),),
    "passed": (Column("passed", "boolean", lambda case: case.passed),),
    "due_at": (Column("due_at", "timestamptz", lambda case: case.due_at),),
    "overdue": (Column("overdue", "boolean", lambda case: case.overdue),),
    "ended_at": (Column("ended_at", "timestamptz", lambda case: case.ended_at),),
    "clocks": (Column("clocks", "jsonb", clocks_json), Column("provisional_edition", "int", oldest_edition)),
    "matters": (Column("matters", "jsonb", lambda case: matters_json(case.matters)), _ASKS),
    "area": (Column("area", "text", lambda case: case.area),),
    "place": (
        Column("lon", "float8", lambda case: case.place.lon),
        Column("lat", "float8", lambda case: case.place.lat),
    ),
    "category": (Column("category", "text", lambda case: case.category),),
    "reports": (Column("reports", "uuid[]", lambda case: case.reports),),
    "media": (Column("media", "jsonb", lambda case: case.media),),
}


def columns_of(members: Collection[str]) -> dict[str, Column]:
    """The columns of those members, each once."""
    return {column.name: column for member, columns in OF_MEMBER.items() if member in members for column in columns}


def changed(before: Case, case: Case) -> list[Column]:
    """What of `case` differs from `before`, which it was made from: a member that is the same object did not change.

    An act changes eight columns of the thirty: to write all took the process and Postgres a twentieth longer each.
    """
    had, has = vars(before), vars(case)
    found: dict[str, Column] = {}
    for member, columns in OF_MEMBER.items():
        if had[member] is not has[member]:
            for column in columns:
                found[column.name] = column
    return list(found.values())
