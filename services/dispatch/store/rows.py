"""A case as a row, and back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.dispatch.domain.case import Case, Place, Status
from services.dispatch.domain.clocks import Stage, StageClock
from services.dispatch.domain.worktime import Limit, Unit
from shared.kernel.area import AreaPath

_MICROSECOND = timedelta(microseconds=1)


def case_of(row: asyncpg.Record) -> Case:
    """The case that a row of `dispatch.cases` holds."""
    return Case(
        id=row["id"],
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
        reports=tuple(row["reports"]),
        condition=row["condition"],
        limit=Limit(row["limit_amount"], Unit(row["limit_unit"])) if row["limit_unit"] else None,
        unit=row["unit"],
        assisting=tuple(row["assisting"]),
        handlers=tuple(row["handlers"]),
        task_id=row["task_id"],
        assignee=row["assignee"],
        result=row["result"],
        verified=row["verified"],
        passed=row["passed"],
        due_at=row["due_at"],
        overdue=row["overdue"],
        clocks=tuple(_clock_of(stored) for stored in row["clocks"]),
    )


def clocks_json(case: Case) -> list[dict[str, Any]]:
    """The column `clocks`: durations in microseconds, instants as RFC 3339."""
    return [
        {
            "stage": clock.stage,
            "limit": clock.limit // _MICROSECOND,
            "continuous": clock.continuous,
            "generation": clock.generation,
            "spent": clock.spent // _MICROSECOND,
            "since": clock.since,
            "warn_at": clock.warn_at,
            "due_at": clock.due_at,
            "warned": clock.warned,
            "overdue": clock.overdue,
        }
        for clock in case.clocks
    ]


def _clock_of(stored: Mapping[str, Any]) -> StageClock:
    return StageClock(
        stage=Stage(stored["stage"]),
        limit=stored["limit"] * _MICROSECOND,
        continuous=stored["continuous"],
        generation=stored["generation"],
        spent=stored["spent"] * _MICROSECOND,
        since=datetime.fromisoformat(stored["since"]) if stored["since"] else None,
        warn_at=datetime.fromisoformat(stored["warn_at"]),
        due_at=datetime.fromisoformat(stored["due_at"]),
        warned=stored["warned"],
        overdue=stored["overdue"],
    )
