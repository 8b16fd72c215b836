"""The sequence of a report's facts, and the record key that they share.

Receipt is the first; whatever else is told of the report follows without a gap and in the same partition.
"""

from collections.abc import Sequence
from uuid import UUID

from services.intake.domain.report import Telling
from shared.postgres import Connection

# The row is locked by it to the end of the transaction, so that the outbox's number is drawn in the order of versions.
# A report that was merged when it came has two facts from the beginning.
NEXT = """
    INSERT INTO intake.report_facts AS f (report_id, version)
    SELECT a.report_id, CASE WHEN m.report_id IS NULL THEN 2 ELSE 3 END
      FROM unnest($1::uuid[]) AS a (report_id) LEFT JOIN intake.merged_reports m USING (report_id) ORDER BY a.report_id
    ON CONFLICT (report_id) DO UPDATE SET version = f.version + 1
    RETURNING report_id, version,
              (SELECT m.record_key FROM intake.merged_reports m WHERE m.report_id = f.report_id),
              (SELECT m.cluster FROM intake.merged_reports m WHERE m.report_id = f.report_id)
"""


async def next_facts(tx: Connection, report_ids: Sequence[UUID]) -> dict[UUID, Telling]:
    """For one more fact of each of `report_ids`, which are known to be there, each named once."""
    return {row[0]: Telling(*row[1:]) for row in await tx.fetch(NEXT, list(report_ids))}
