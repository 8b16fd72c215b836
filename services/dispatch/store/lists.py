"""Lists of cases, by age or by urgency, page by page."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.dispatch.domain.case import Case
from services.dispatch.store.rows import case_of
from services.dispatch.store.wanted import (
    OPEN,
    OPEN_PART,
    PARAMETERS,
    Forms,
    Sight,
    Wanted,
    forms,
    prepared,
)
from shared.postgres import Connection

_N = PARAMETERS

NEWEST = forms(f"""
    SELECT c.*, clock_timestamp() AS now FROM {{cases}}
     WHERE {{matching}}
       AND (${_N + 1}::uuid IS NULL OR c.id < ${_N + 1})
     ORDER BY c.id DESC
     LIMIT ${_N + 2}
""")

OLDEST = forms(f"""
    SELECT c.*, clock_timestamp() AS now FROM {{cases}}
     WHERE {{matching}}
       AND (${_N + 1}::uuid IS NULL OR c.id > ${_N + 1})
     ORDER BY c.id
     LIMIT ${_N + 2}
""")

# A case whose place in the order changed after the walk's first page may have been shown already: it is left out from
# then on. `waits_xid` says who changed it last, the walk's snapshot who had by then; a number that this server has not
# reached yet came with a restored copy of another one's tables.
UNMOVED_PART = (
    "({snapshot}::text IS NULL OR c.waits_xid IS NULL"
    " OR pg_visible_in_snapshot(c.waits_xid, {snapshot}::text::pg_snapshot)"
    " OR c.waits_xid >= pg_snapshot_xmax(pg_current_snapshot()))"
)
AFTER_PART = "({at}::text IS NULL OR (c.waits_until, c.id) > ({at}::text::timestamptz, {id}::uuid))"

_AFTER = f"""
       AND {AFTER_PART.format(at=f"${_N + 1}", id=f"${_N + 2}")}
       AND {UNMOVED_PART.format(snapshot=f"${_N + 3}")}"""
_FULL = """
    SELECT c.*, clock_timestamp() AS now, k.waits_until::text AS waits, pg_current_snapshot()::text AS snapshot
      FROM ({keys}) AS k
      JOIN dispatch.cases c ON c.id = k.id
     ORDER BY k.waits_until, k.id
"""
_URGENT = f"""
    SELECT c.id, c.waits_until FROM {{cases}}
     WHERE {{matching}}
       AND {OPEN_PART}{_AFTER}
     ORDER BY c.waits_until, c.id
     LIMIT ${_N + 4}"""
# One part for each status, so that each is read in order from the index and no further than a page; the parts of those
# not asked for fall out when the statement is planned.
_URGENT_BY_STATUS = " UNION ALL ".join(
    f"""(
    SELECT c.id, c.waits_until FROM {{cases}}
     WHERE {{matching}}
       AND c.status = '{status}' AND ($5::text[] IS NULL OR '{status}' = ANY ($5)) AND {OPEN_PART}{_AFTER}
     ORDER BY c.waits_until, c.id
     LIMIT ${_N + 4})"""
    for status in OPEN
)
URGENT = Forms(
    forms(
        _FULL.format(keys=f"SELECT * FROM ({_URGENT_BY_STATUS}) AS each ORDER BY waits_until, id LIMIT ${_N + 4}"),
        in_order=True,
    ).plain,
    *forms(_FULL.format(keys=_URGENT))[1:],
)


class Seen(NamedTuple):
    """A case as it was read, and the database's time at which."""

    case: Case
    now: datetime


class Place(NamedTuple):
    """Where a page by urgency ended, and the snapshot of the walk's first page."""

    waits: str
    id: UUID
    snapshot: str


async def by_age(
    tx: Connection, sight: Sight, wanted: Wanted, limit: int, after: UUID | None, *, newest: bool
) -> list[Seen]:
    """Cases beyond the id `after`."""
    statement, given = await prepared(tx, sight, wanted, NEWEST if newest else OLDEST)
    rows = await tx.fetch(statement, *given, after, limit)
    return [Seen(case_of(row), row["now"]) for row in rows]


async def by_urgency(
    tx: Connection, sight: Sight, wanted: Wanted, limit: int, after: Place | None
) -> tuple[list[Seen], list[Place]]:
    """Open cases by when their running clock is due, those without one last, and the place of each."""
    statement, given = await prepared(tx, sight, wanted, URGENT)
    rows = await tx.fetch(statement, *given, *(after or (None, None, None)), limit)
    places: Sequence[Place] = [
        Place(row["waits"], row["id"], after.snapshot if after else row["snapshot"]) for row in rows
    ]
    return [Seen(case_of(row), row["now"]) for row in rows], list(places)
