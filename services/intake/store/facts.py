"""The sequence of a report's facts: receipt is the first, whatever else is told of it follows without a gap."""

from collections.abc import Sequence
from uuid import UUID

from shared.postgres import Connection

# The row is locked by it to the end of the transaction, so that the outbox's number is drawn in the order of versions.
NEXT_VERSIONS = """
    INSERT INTO intake.report_facts AS f (report_id, version)
    SELECT report_id, 2 FROM unnest($1::uuid[]) AS asked (report_id) ORDER BY report_id
    ON CONFLICT (report_id) DO UPDATE SET version = f.version + 1
    RETURNING report_id, version
"""


async def next_versions(tx: Connection, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The version of one more fact of each of `report_ids`, which are known to be there, each named once."""
    return {row[0]: row[1] for row in await tx.fetch(NEXT_VERSIONS, list(report_ids))}
