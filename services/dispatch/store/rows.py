"""A case as a row, and back."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from pydantic import TypeAdapter

from services.dispatch.domain.case import Case, Place, Status
from services.dispatch.domain.clocks import StageClock
from services.dispatch.domain.matters import NOTHING_OPEN, Matters
from services.dispatch.domain.worktime import Limit, Unit
from services.dispatch.store.clock_json import clock_json, clock_of
from shared.kernel.area import AreaPath

_MATTERS = TypeAdapter(Matters)


def case_of(row: asyncpg.Record) -> Case:
    """The case that a row of `dispatch.cases` holds."""
    return Case(
        id=_uuid(row["id"]),
        number=row["number"],
        status=Status(row["status"]),
        version=row["version"],
        revision=row["revision"],
        area=AreaPath(row["area"]),
        born_in=AreaPath(row["born_in"]),
        place=Place(row["lon"], row["lat"]),
        category=row["category"],
        description=row["description"],
        source=row["source"],
        opened_at=row["opened_at"],
        occurred_at=row["occurred_at"],
        attributes=row["attributes"],
        media=tuple(UUID(media) for media in row["media"]),
        reports=tuple(_uuid(report) for report in row["reports"]),
        condition=row["condition"],
        limit=Limit(row["limit_amount"], Unit(row["limit_unit"])) if row["limit_unit"] else None,
        unit=row["unit"],
        assisting=tuple(row["assisting"]),
        handlers=tuple(row["handlers"]),
        task_id=_uuid(row["task_id"]) if row["task_id"] else None,
        assignee=row["assignee"],
        result=row["result"],
        verified=row["verified"],
        passed=row["passed"],
        due_at=row["due_at"],
        overdue=row["overdue"],
        ended_at=row["ended_at"],
        history=row["history"],
        clocks=clocks_of(row["clocks"]),
        matters=matters_of(row["matters"]) if row["matters"] else NOTHING_OPEN,
        head=row["head"],
    )


def _uuid(found: UUID) -> UUID:
    # asyncpg answers with a subclass of its own, which orjson does not write.
    return UUID(int=found.int)


def clocks_json(case: Case) -> dict[str, dict[str, Any]]:
    """The column `clocks`: stage → clock. Every act writes it anew: at the end of a case it has 0.6 kB."""
    return {clock.stage.value: clock_json(clock) for clock in case.clocks}


def json_text(values: Sequence[object]) -> str:
    """A JSON list as text: asyncpg would take a list within an array for another dimension of the array."""
    return orjson.dumps(values).decode()


def clocks_of(stored: Mapping[str, Mapping[str, Any]]) -> tuple[StageClock, ...]:
    """The clocks that `clocks_json` wrote."""
    return tuple(clock_of(stage, each) for stage, each in stored.items())


def matters_json(matters: Matters) -> dict[str, Any] | None:
    """The column `matters`: what differs from nothing; null for a case on which nothing ever was."""
    if matters is NOTHING_OPEN:
        return None
    return {name: value for name, value in vars(matters).items() if value != getattr(NOTHING_OPEN, name)} or None


def asks_of(case: Case) -> list[str] | None:
    """The column `asks`: what waits on the case beside its status; null for nearly all."""
    if case.matters is NOTHING_OPEN:
        return None
    return case.matters.asks(case.status.terminal) or None


def matters_of(stored: Mapping[str, Any]) -> Matters:
    """What `matters_json` wrote. Read by pydantic, which knows a dataclass's fields and their types."""
    return _MATTERS.validate_python(stored)
