"""Reports: written by the hundred in one statement, read one by one."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.intake.store import clusters
from shared.postgres import Connection


class Row(NamedTuple):
    """A report with its event and the answer to its sender, in the order of the statements' parameters.

    The event bears the report's id: a report has only one of its kind. `key` and `request_hash` are the sender's
    Idempotency-Key and what it was used for; None: none was given.

    A report that joined a cluster 重复上报 has its first report in `merged_into`, whose grid is then the record key of
    both its facts (`record_key`), and the second of them in `merged_event` and `merged_data`. One that opens a cluster
    has the `spot` where it lies, until `expires_at`, with so many reports of this statement in it (`together`); it has
    none of these if nothing can join it. `component` is the code of the component that it is about.
    """

    id: UUID
    tracking_code: str
    routing_key: str
    category: str
    description: str
    lon: float
    lat: float
    source: str
    occurred_at: datetime | None
    received_at: datetime
    caller: str
    details: dict[str, Any] | None
    sealed: bytes | None
    shard: int
    traceparent: str | None
    data: bytes
    answer: bytes
    key: str | None
    request_hash: bytes | None
    merged_into: UUID | None = None
    record_key: str | None = None
    merged_event: UUID | None = None
    merged_data: bytes | None = None
    spot: int | None = None
    expires_at: datetime | None = None
    together: int = 1
    component: int | None = None


class Answered(NamedTuple):
    """What was stored under an Idempotency-Key the first time."""

    caller: str
    key: str
    request_hash: bytes
    body: bytes


class Reported(NamedTuple):
    """A report as its sender sees it; `case_id` and `status` are dispatch's, as far as known."""

    id: UUID
    tracking_code: str
    routing_key: str
    category: str
    received_at: datetime
    case_id: UUID | None
    status: str | None
    merged_into: UUID | None


_REPORT = Row._fields[:13]
_OUTBOX = (
    "shard", "topic", "key", "event_id", "type", "subject", "sequence", "routing_key", "at", "traceparent", "data",
)  # fmt: skip
_KINDS = (
    "uuid", "text", "text", "text", "text", "float8", "float8", "text", "timestamptz", "timestamptz", "text", "jsonb",
    "bytea", "smallint", "text", "bytea", "bytea", "text", "bytea",
    "uuid", "text", "uuid", "bytea", "bigint", "timestamptz", "int", "bigint",
)  # fmt: skip
# Parameters of the rows; behind them come topic, type of the first fact and of the second.
OWN = len(_KINDS)
# One statement, so one round trip, for all that was waiting. Left out is a row whose Idempotency-Key is used, and one
# that joined the cluster of such a row. Facts go out in the order of the rows: a report that joins a cluster is told of
# after the one that opened it.
ADD_GROUP = f"""
    WITH asked AS MATERIALIZED (
        SELECT * FROM unnest({", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_KINDS, 1))})
                      WITH ORDINALITY AS r ({", ".join(Row._fields)}, place)
    ), held AS MATERIALIZED (
        SELECT intake.hold_group(${OWN + 4}, ${OWN + 5}, ${OWN + 6},
                                 array_agg(id), array_agg(caller), array_agg(key)) AS used
          FROM asked WHERE key IS NOT NULL
    ), taken AS MATERIALIZED (
        SELECT a.* FROM asked a, held h
         WHERE h.used IS NOT NULL AND NOT a.id = ANY(h.used)
               AND (a.merged_into IS NULL OR NOT a.merged_into = ANY(h.used))
    ), claimed AS (
        INSERT INTO intake.idempotency (caller, key, request_hash, status, body)
        SELECT caller, key, request_hash, 201, answer FROM taken WHERE key IS NOT NULL ORDER BY caller, key
    ), stored AS (
        INSERT INTO intake.reports ({", ".join(_REPORT)})
        SELECT {", ".join(_REPORT)} FROM taken
    ), opened AS (
        INSERT INTO intake.clusters ({", ".join(clusters.COLUMNS)})
        SELECT id, spot, category, lon, lat, coalesce(occurred_at, received_at), routing_key, together, component,
               expires_at
          FROM taken WHERE spot IS NOT NULL
    ), merged AS (
        INSERT INTO intake.merged_reports ({", ".join(clusters.MERGED_COLUMNS)})
        SELECT id, merged_into, received_at, record_key FROM taken WHERE merged_into IS NOT NULL
    ), joined AS (
        UPDATE intake.clusters c SET reports = c.reports + m.more
          FROM (SELECT merged_into, count(*)::int AS more FROM taken WHERE merged_into IS NOT NULL GROUP BY 1) AS m
         WHERE c.id = m.merged_into
    ), attached AS (
        INSERT INTO intake.component_reports (code, report_id)
        SELECT component, id FROM taken WHERE component IS NOT NULL
    ), published AS (
        INSERT INTO intake.outbox ({", ".join(_OUTBOX)})
        SELECT shard, ${OWN + 1}::text, coalesce(record_key, routing_key), event_id, kind, id::text, version,
               routing_key, received_at, traceparent, fact
          FROM (SELECT *, id AS event_id, ${OWN + 2}::text AS kind, 1 AS version, data AS fact FROM taken
                 UNION ALL
                SELECT *, merged_event, ${OWN + 3}::text, 2, merged_data FROM taken WHERE merged_into IS NOT NULL) AS f
         ORDER BY place, version
    )
    SELECT h.used IS NULL, t.id FROM held h LEFT JOIN taken t ON true
"""

ANSWERS = """
    SELECT i.caller, i.key, i.request_hash, i.body
      FROM unnest($1::text[], $2::text[]) AS k (caller, key) JOIN intake.idempotency i USING (caller, key)
"""

TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2::text, 0))"

REPORT = """
    SELECT r.id, r.tracking_code, r.routing_key, r.category, r.received_at, s.case_id, s.status, m.cluster
      FROM intake.reports r LEFT JOIN intake.report_status s ON s.report_id = r.id
           LEFT JOIN intake.merged_reports m ON m.report_id = r.id AND m.unmerged_at IS NULL
     WHERE r.id = $1
"""

TOLD = """
    SELECT id, tracking_code, routing_key, category, description, lon, lat, source, occurred_at, received_at, details
      FROM intake.reports WHERE id = $1
"""

# A later case of the same report (a reopened one) has a later id: UUIDv7 sorts by time.
# Which of two cases counts is the rule of `shared.contracts.handover`.
SAVE_STATUS = """
    INSERT INTO intake.report_status AS s (report_id, case_id, version, status, handed)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::boolean[])
    ON CONFLICT (report_id) DO UPDATE
       SET case_id = excluded.case_id, version = excluded.version, status = excluded.status,
           handed = excluded.handed OR (s.handed AND s.case_id = excluded.case_id)
     WHERE CASE WHEN s.case_id = excluded.case_id THEN s.version < excluded.version
                ELSE excluded.handed OR (NOT s.handed AND s.case_id < excluded.case_id) END
"""


class Kinds(NamedTuple):
    """Topic of reports, and the types of the fact of a receipt and of a merge."""

    topic: str
    received: str
    merged: str


class Beside(NamedTuple):
    """What a group was compared with: the sorted locks of the cells `spots`, and the clusters `seen` there."""

    locks: Sequence[int] = ()
    spots: Sequence[int] = ()
    seen: Sequence[UUID] = ()


async def add_group(
    connection: Connection, rows: Sequence[Row], kinds: Kinds, beside: Beside, seconds: float
) -> set[UUID] | None:
    """Store `rows` with their events and answers, durably when this returns; the ids of those that were stored.

    Left out is a row whose Idempotency-Key was used before, or is being used by another transaction now, and one that
    joined the cluster of such a row. None, and nothing is stored, if other clusters have been opened `beside` them
    since they were compared. The statement is its own transaction, if the caller has none. Within `rows` a key occurs
    once. Raises TimeoutError after `seconds`.
    """
    found = await connection.fetch(ADD_GROUP, *zip(*rows, strict=True), *kinds, *beside, timeout=seconds)
    return None if found[0][0] else {row[1] for row in found if row[1] is not None}


async def add_chunk(tx: Connection, rows: Sequence[Row], kinds: Kinds) -> None:
    """Store `rows` with their events, as one part of a batch; keys and answers are the batch's own business.

    By COPY: 5 µs a row of this process's time, where the arrays of a statement take 15.
    """
    await tx.copy_records_to_table("reports", schema_name="intake", columns=_REPORT, records=[r[:13] for r in rows])
    # The ids as text, all at once: 0.05 µs each, where str takes 0.43; COPY takes it for an id as well.
    texts: list[str] = orjson.loads(orjson.dumps([r.id for r in rows]))
    events: list[tuple[Any, ...]] = []
    opened: list[tuple[Any, ...]] = []
    merged: list[tuple[Any, ...]] = []
    attached: list[tuple[Any, ...]] = []
    for r, id in zip(rows, texts, strict=True):
        place, at, trace = r.routing_key, r.received_at, r.traceparent
        key = r.record_key or place
        events.append((r.shard, kinds.topic, key, id, kinds.received, id, 1, place, at, trace, r.data))
        if r.merged_into is not None:
            events.append(
                (r.shard, kinds.topic, key, r.merged_event, kinds.merged, id, 2, place, at, trace, r.merged_data)
            )
            merged.append((id, r.merged_into, at, key))
        elif r.spot is not None:
            began = r.occurred_at or at
            opened.append((id, r.spot, r.category, r.lon, r.lat, began, place, r.together, r.component, r.expires_at))
        if r.component is not None:
            attached.append((r.component, id))
    await tx.copy_records_to_table("outbox", schema_name="intake", columns=_OUTBOX, records=events)
    if opened:
        await tx.copy_records_to_table("clusters", schema_name="intake", columns=clusters.COLUMNS, records=opened)
    if merged:
        await tx.copy_records_to_table(
            "merged_reports", schema_name="intake", columns=clusters.MERGED_COLUMNS, records=merged
        )
        within = {r.id for r in rows if r.together > 1}
        if more := Counter(r.merged_into for r in rows if r.merged_into is not None and r.merged_into not in within):
            await clusters.count(tx, more)
    if attached:
        await tx.copy_records_to_table(
            "component_reports", schema_name="intake", columns=("code", "report_id"), records=attached
        )


async def try_lock(tx: Connection, caller: str, key: str) -> bool:
    """Hold `caller`'s key to the end of the transaction; False if another transaction does."""
    return bool(await tx.fetchval(TRY_LOCK, caller, key))


async def find_answers(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Answered]:
    """What was answered under each (caller, key), where something was."""
    rows = await connection.fetch(ANSWERS, [caller for caller, _ in keys], [key for _, key in keys])
    return {(row["caller"], row["key"]): Answered(*row) for row in rows}


async def find_report(connection: Connection, report_id: UUID) -> Reported | None:
    row = await connection.fetchrow(REPORT, report_id)
    return None if row is None else Reported(*row)


async def find_told(connection: Connection, report_id: UUID) -> dict[str, Any] | None:
    """What `report.received` tells of a report, but that it has the tracking code itself in place of its hash."""
    row = await connection.fetchrow(TOLD, report_id)
    if row is None:
        return None
    told = dict(row)
    details = told.pop("details") or {}
    place = {"lon": told.pop("lon"), "lat": told.pop("lat")}
    return told | {
        "report_id": told.pop("id"),
        "location": place,
        "attributes": details.get("attributes", {}),
        "media": details.get("media", []),
    }


async def save_status(tx: Connection, states: Sequence[tuple[UUID, UUID, int, str, bool]]) -> None:
    """(report, case, version, status, handed over), each report once, in the order of the ids; an older state changes
    nothing.
    """
    await tx.execute(SAVE_STATUS, *zip(*states, strict=True))
