"""Cases by the reports that they were opened for, locked; and the cases that such a case went on as."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.dispatch.domain.case import Case
from services.dispatch.store.rows import case_of
from shared.postgres import Connection

# In the order of their ids, as whoever locks several cases does; each time is taken under its lock.
_LOCK_PART = """
    SELECT locked.*, clock_timestamp() AS now
      FROM (SELECT * FROM dispatch.cases WHERE {which} = ANY ($1::uuid[]) ORDER BY id FOR UPDATE) AS locked
"""
LOCK_OF_REPORTS = _LOCK_PART.format(which="report_id")
LOCK_CASES = _LOCK_PART.format(which="id")


class Locked(NamedTuple):
    """A case under its lock, and the time."""

    case: Case
    now: datetime


async def lock_of_reports(tx: Connection, reports: Iterable[UUID]) -> dict[UUID, Locked]:
    """The cases opened for `reports`, by those, as far as there are such."""
    rows = await tx.fetch(LOCK_OF_REPORTS, sorted(reports))
    return {row["report_id"]: Locked(case_of(row), row["now"]) for row in rows}


async def lock_cases(tx: Connection, cases: Iterable[UUID]) -> dict[UUID, Locked]:
    """The cases of these ids."""
    return {row["id"]: Locked(case_of(row), row["now"]) for row in await tx.fetch(LOCK_CASES, sorted(cases))}
