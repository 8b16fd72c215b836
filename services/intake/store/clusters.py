"""Open clusters of duplicate reports: looked up by their cells under a lock, ended with their cases."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.intake.domain.duplicates import Cluster, Seen
from shared.postgres import Connection, Pool

COLUMNS = ("id", "spot", "category", "lon", "lat", "seen_at", "record_key", "reports", "component", "expires_at")
MERGED_COLUMNS = ("report_id", "cluster", "merged_at", "record_key")

# The space of these locks, which `intake.hold_group` takes as well.
LOCK = "SELECT count(pg_advisory_xact_lock(25717, l.bucket)) FROM unnest($1::int[]) AS l (bucket)"
# OFFSET 0: one index probe a cell, whatever the planner believes of a table that has just begun to grow.
NEAR = f"""
    SELECT {", ".join(f"c.{name}" for name in COLUMNS[:-1])}
      FROM unnest($1::bigint[]) AS s (spot),
           LATERAL (SELECT k.* FROM intake.clusters k WHERE k.spot = s.spot OFFSET 0) AS c
"""
ADD = f"""
    INSERT INTO intake.clusters ({", ".join(COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT DO NOTHING
"""
LOOK = """
    SELECT c.id, c.spot, c.category, c.lon, c.lat, c.seen_at, c.record_key, c.reports, c.component,
           r.routing_key, s.case_id, s.status
      FROM intake.clusters c JOIN intake.reports r ON r.id = c.id LEFT JOIN intake.report_status s ON s.report_id = c.id
     WHERE c.spot = ANY($1::bigint[])
"""
COUNT = """
    UPDATE intake.clusters c SET reports = c.reports + m.more
      FROM unnest($1::uuid[], $2::int[]) AS m (id, more) WHERE c.id = m.id
"""
END = "DELETE FROM intake.clusters WHERE id = ANY($1::uuid[])"
SWEEP = """
    DELETE FROM intake.clusters WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM intake.clusters WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED))
"""

LOCK_MERGED = """
    SELECT m.cluster, m.merged_at, m.unmerged_at
      FROM intake.merged_reports m WHERE m.report_id = $1 FOR UPDATE
"""
UNMERGE = """
    UPDATE intake.merged_reports SET unmerged_at = now() WHERE report_id = ANY($1::uuid[]) AND unmerged_at IS NULL
    RETURNING cluster
"""
APART = """
    SELECT r.id, r.category, r.lon, r.lat, coalesce(r.occurred_at, r.received_at), (r.details ->> 'component')::bigint,
           m.record_key, r.received_at
      FROM intake.reports r JOIN intake.merged_reports m ON m.report_id = r.id WHERE r.id = ANY($1::uuid[])
"""
LEAVE = "UPDATE intake.clusters SET reports = reports - 1 WHERE id = ANY($1::uuid[]) AND reports > 1"


class Merge(NamedTuple):
    """That a report joined a cluster, and since when it is on its own again."""

    cluster: UUID
    merged_at: datetime
    unmerged_at: datetime | None


class Open(NamedTuple):
    """A cluster with its area, and its case, as far as that is known."""

    cluster: Cluster
    area: str
    case_id: UUID | None
    status: str | None


async def hold(tx: Connection, buckets: Sequence[int], spots: Sequence[int], seconds: float) -> list[Cluster]:
    """Lock `buckets`, which are sorted, to the end of the transaction; the clusters in `spots` as they are then."""
    await tx.execute(LOCK, buckets, timeout=seconds)
    return await near(tx, spots, seconds)


async def near(connection: Connection | Pool, spots: Sequence[int], seconds: float) -> list[Cluster]:
    """The clusters in `spots`, without a lock."""
    return [Cluster(*row) for row in await connection.fetch(NEAR, spots, timeout=seconds)]


async def look(connection: Connection | Pool, spots: Sequence[int]) -> list[Open]:
    """The clusters in `spots` with what else is shown of them."""
    return [Open(Cluster(*row[:9]), *row[9:]) for row in await connection.fetch(LOOK, spots)]


async def add(tx: Connection, cluster: Cluster, expires_at: datetime) -> None:
    await tx.execute(ADD, *cluster, expires_at)


async def count(tx: Connection, more: dict[UUID, int]) -> None:
    """So many reports more, by cluster; in the order of the ids, though its cells are locked already."""
    ids = sorted(more)
    await tx.execute(COUNT, ids, [more[each] for each in ids])


async def end(tx: Connection, reports: Iterable[UUID]) -> None:
    """The case of these reports ended: nothing joins it any more."""
    await tx.execute(END, sorted(reports))


async def sweep(connection: Connection | Pool, most: int) -> int:
    """Delete up to so many whose window is over. Returns how many."""
    status: str = await connection.execute(SWEEP, most)
    return int(status.rpartition(" ")[2])


async def lock_merge(tx: Connection, report_id: UUID) -> Merge | None:
    row = await tx.fetchrow(LOCK_MERGED, report_id)
    return None if row is None else Merge(*row)


async def apart(tx: Connection, reports: Iterable[UUID]) -> list[tuple[Seen, str, datetime]]:
    """Of reports that were merged once: what is compared of them, the record key of their facts, when they came."""
    return [(Seen(*row[:6]), row[6], row[7]) for row in await tx.fetch(APART, sorted(reports))]


async def unmerge(tx: Connection, reports: Iterable[UUID]) -> None:
    """These reports have cases of their own from now on, as far as they were merged at all."""
    left = [row[0] for row in await tx.fetch(UNMERGE, sorted(reports))]
    if left:
        await tx.execute(LEAVE, left)
