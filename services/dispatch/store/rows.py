"""A case as a row, and back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.dispatch.domain.case import Case, Place, Status
from services.dispatch.domain.clocks import Stage, StageClock
from services.dispatch.domain.worktime import Limit, Unit
from shared.kernel.area import AreaPath

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        history=row["history"],
        clocks=clocks_of(row["clocks"]),
    )


def _uuid(found: UUID) -> UUID:
    # asyncpg answers with a subclass of its own, which orjson does not write.
    return UUID(int=found.int)


def clocks_json(case: Case) -> dict[str, dict[str, Any]]:
    """The column `clocks`: stage → clock, durations in microseconds, instants in microseconds of Unix time; what is
    false or not set is left out. Every act writes the column anew: at the end of a case it has 0.6 kB.
    """
    return {
        clock.stage.value: {
            name: value
            for name, value in (
                ("limit", clock.limit // _MICROSECOND),
                ("continuous", clock.continuous),
                ("generation", clock.generation),
                ("spent", clock.spent // _MICROSECOND),
                ("since", clock.since and (clock.since - _EPOCH) // _MICROSECOND),
                ("warn_at", (clock.warn_at - _EPOCH) // _MICROSECOND),
                ("due_at", (clock.due_at - _EPOCH) // _MICROSECOND),
                ("warned", clock.warned),
                ("overdue", clock.overdue),
            )
            if value
        }
        for clock in case.clocks
    }


def json_text(values: Sequence[object]) -> str:
    """A JSON list as text: asyncpg would take a list within an array for another dimension of the array."""
    return orjson.dumps(values).decode()


def clocks_of(stored: Mapping[str, Mapping[str, Any]]) -> tuple[StageClock, ...]:
    """The clocks that `clocks_json` wrote."""
    return tuple(_clock_of(stage, each) for stage, each in stored.items())


def _clock_of(stage: str, stored: Mapping[str, Any]) -> StageClock:
    return StageClock(
        stage=Stage(stage),
        limit=stored.get("limit", 0) * _MICROSECOND,
        continuous=stored.get("continuous", False),
        generation=stored.get("generation", 0),
        spent=stored.get("spent", 0) * _MICROSECOND,
        since=_instant(stored["since"]) if stored.get("since") else None,
        warn_at=_instant(stored["warn_at"]),
        due_at=_instant(stored["due_at"]),
        warned=stored.get("warned", False),
        overdue=stored.get("overdue", False),
    )


def _instant(stored: int | str) -> datetime:
    # Rows of the first weeks have RFC 3339 text.
    return datetime.fromisoformat(stored) if isinstance(stored, str) else _EPOCH + stored * _MICROSECOND
