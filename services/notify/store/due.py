"""Messages that are due to reporters, each once."""

from collections.abc import Sequence

from services.notify.domain.due import Due
from shared.postgres import Connection

# A report that is not known yet waits: its own fact, on another topic, may come later than its case's.
ADD = """
    INSERT INTO notify.messages_due AS d (report_id, template, routing_key, at, published)
    SELECT n.report_id, n.template, n.routing_key, n.at, r.report_id IS NOT NULL
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS n (report_id, template, routing_key, at)
      LEFT JOIN notify.tracked_reports r USING (report_id)
     WHERE r.report_id IS NULL OR r.reachable
     ORDER BY n.report_id, n.template
    ON CONFLICT DO NOTHING
    RETURNING d.report_id, d.template, d.routing_key, d.at, d.published
"""

EARLY = """
    WITH known AS (
        SELECT d.report_id, d.template, r.reachable
          FROM notify.messages_due d JOIN notify.tracked_reports r USING (report_id)
         WHERE NOT d.published ORDER BY d.report_id, d.template LIMIT 500 FOR UPDATE OF d SKIP LOCKED
    ), dropped AS (
        DELETE FROM notify.messages_due d USING known k
         WHERE d.report_id = k.report_id AND d.template = k.template AND NOT k.reachable
    )
    UPDATE notify.messages_due d SET published = true FROM known k
     WHERE d.report_id = k.report_id AND d.template = k.template AND k.reachable
    RETURNING d.report_id, d.template, d.routing_key, d.at
"""


async def add(tx: Connection, due: Sequence[Due]) -> list[Due]:
    """Those that are new and whose reporter can be told. Each report and template once in `due`."""
    rows = await tx.fetch(ADD, *zip(*due, strict=True))
    return [Due(*row[:4]) for row in rows if row["published"]]


async def early(tx: Connection) -> list[Due]:
    """Some that waited for their report, which has come; those whose reporter cannot be told are dropped."""
    return [Due(*row) for row in await tx.fetch(EARLY)]
