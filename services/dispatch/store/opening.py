"""Reports become cases, a batch at a time: four inserts whatever its size.

Set-based because this is the path every report takes: a batch of 500 cases with four facts each is five round trips.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.dispatch.domain.case import Case
from services.dispatch.store import timeline
from services.dispatch.store.clocks import add_clocks
from services.dispatch.store.rows import clocks_json, json_text
from shared.postgres import Connection

# A report that has its case already is left out: the batch may be delivered again.
NEW_REPORTS = """
    SELECT r.report_id, nextval('dispatch.case_serial') AS serial, clock_timestamp() AS now
      FROM unnest($1::uuid[]) WITH ORDINALITY AS r (report_id, place)
     WHERE NOT EXISTS (SELECT FROM dispatch.cases c WHERE c.report_id = r.report_id)
     ORDER BY r.place
"""

INSERT_CASES = """
    INSERT INTO dispatch.cases
           (id, report_id, reports, number, status, version, revision, area, born_in, lon, lat, category, description,
            source, opened_at, occurred_at, attributes, media, condition, limit_amount, limit_unit, unit, due_at,
            clocks)
    SELECT id, report_id, ARRAY[report_id], number, status, version, revision, area, area, lon, lat, category,
           description, source, opened_at, occurred_at, attributes, media::jsonb, condition, limit_amount, limit_unit,
           unit, due_at, clocks
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::int[], $7::text[],
                  $8::float8[], $9::float8[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],
                  $14::timestamptz[], $15::jsonb[], $16::text[], $17::text[], $18::int[], $19::text[],
                  $20::text[], $21::timestamptz[], $22::jsonb[])
        AS n (id, report_id, number, status, version, revision, area, lon, lat, category, description, source,
              opened_at, occurred_at, attributes, media, condition, limit_amount, limit_unit, unit, due_at, clocks)
"""


class NewReport(NamedTuple):
    """A report without a case: the serial of the case it will have, and the database's time."""

    report_id: UUID
    serial: int
    now: datetime


async def new_reports(tx: Connection, report_ids: Sequence[UUID]) -> list[NewReport]:
    """Those of `report_ids` that have no case yet, each with a serial of its own, in the order given."""
    return [NewReport(*row) for row in await tx.fetch(NEW_REPORTS, report_ids)]


async def add(tx: Connection, cases: Sequence[Case]) -> None:
    """Write new cases with the facts they carry and the clocks that run."""
    await tx.execute(
        INSERT_CASES,
        [case.id for case in cases],
        [case.reports[0] for case in cases],
        [case.number for case in cases],
        [case.status for case in cases],
        [case.version for case in cases],
        [case.revision for case in cases],
        [case.area for case in cases],
        [case.place.lon for case in cases],
        [case.place.lat for case in cases],
        [case.category for case in cases],
        [case.description for case in cases],
        [case.source for case in cases],
        [case.opened_at for case in cases],
        [case.occurred_at for case in cases],
        [case.attributes for case in cases],
        [json_text(case.media) for case in cases],
        [case.condition for case in cases],
        [case.limit.amount if case.limit else None for case in cases],
        [case.limit.unit if case.limit else None for case in cases],
        [case.unit for case in cases],
        [case.due_at for case in cases],
        [clocks_json(case) for case in cases],
    )
    await timeline.add(tx, cases)
    await add_clocks(tx, cases)
