"""Reports: written by the hundred in one statement, read one by one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.postgres import Connection


class Row(NamedTuple):
    """A report with its event and the answer to its sender, in the order of the statements' parameters.

    The event bears the report's id: a report has only one of its kind. `key` and `request_hash` are the sender's
    Idempotency-Key and what it was used for; None: none was given.
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


_REPORT = Row._fields[:13]
_OUTBOX = (
    "shard", "topic", "key", "event_id", "type", "subject", "sequence", "routing_key", "at", "traceparent", "data",
)  # fmt: skip
# One statement, so one round trip and one commit, for all that was waiting. A row whose Idempotency-Key is in use by
# another transaction at this moment is left out by the try-lock instead of waited for: nobody holds up neighbours.
# Keys are inserted in order, so that two statements never wait for each other.
ADD_GROUP = f"""
    WITH asked AS MATERIALIZED (
        SELECT *, key IS NULL OR pg_try_advisory_xact_lock(hashtextextended(caller || ' ' || key, 0)) AS free
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::float8[],
                      $8::text[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::jsonb[], $13::bytea[],
                      $14::smallint[], $15::text[], $16::bytea[], $20::bytea[], $21::text[], $22::bytea[])
            AS r ({", ".join(Row._fields)})
    ), claimed AS (
        INSERT INTO intake.idempotency (caller, key, request_hash, status, body)
        SELECT caller, key, request_hash, 201, answer FROM asked WHERE key IS NOT NULL AND free ORDER BY caller, key
        ON CONFLICT DO NOTHING
        RETURNING caller, key
    ), taken AS MATERIALIZED (
        SELECT * FROM asked WHERE key IS NULL OR (caller, key) IN (SELECT caller, key FROM claimed)
    ), stored AS (
        INSERT INTO intake.reports ({", ".join(_REPORT)})
        SELECT {", ".join(_REPORT)} FROM taken
    ), attached AS (
        INSERT INTO intake.component_reports (code, report_id)
        SELECT (details ->> 'component')::bigint, id FROM taken WHERE details ? 'component'
    ), published AS (
        INSERT INTO intake.outbox ({", ".join(_OUTBOX)})
        SELECT shard, $17, routing_key, id, $18, id::text, $19, routing_key, received_at, traceparent, data FROM taken
    )
    SELECT id FROM taken
"""

ANSWERS = """
    SELECT i.caller, i.key, i.request_hash, i.body
      FROM unnest($1::text[], $2::text[]) AS k (caller, key) JOIN intake.idempotency i USING (caller, key)
"""

TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2::text, 0))"

REPORT = """
    SELECT r.id, r.tracking_code, r.routing_key, r.category, r.received_at, s.case_id, s.status
      FROM intake.reports r LEFT JOIN intake.report_status s ON s.report_id = r.id
     WHERE r.id = $1
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


async def add_group(
    connection: Connection, rows: Sequence[Row], topic: str, kind: str, sequence: int, seconds: float
) -> set[UUID]:
    """Store `rows` with their events and answers, durably when this returns; the ids of those that were stored.

    Left out is a row whose Idempotency-Key was used before, or is being used by another transaction now. The statement
    is its own transaction. Within `rows` a key occurs once. Raises TimeoutError after `seconds`.
    """
    columns = list(zip(*rows, strict=True))
    found = await connection.fetch(
        ADD_GROUP, *columns[:16], topic, kind, sequence, columns[16], columns[17], columns[18], timeout=seconds
    )
    return {row[0] for row in found}


async def add_chunk(tx: Connection, rows: Sequence[Row], topic: str, kind: str, sequence: int) -> None:
    """Store `rows` with their events, as one part of a batch; keys and answers are the batch's own business.

    By COPY: 5 µs a row of this process's time, where the arrays of a statement take 15.
    """
    await tx.copy_records_to_table("reports", schema_name="intake", columns=_REPORT, records=[r[:13] for r in rows])
    events = [
        (
            r.shard,
            topic,
            r.routing_key,
            r.id,
            kind,
            str(r.id),
            sequence,
            r.routing_key,
            r.received_at,
            r.traceparent,
            r.data,
        )
        for r in rows
    ]
    await tx.copy_records_to_table("outbox", schema_name="intake", columns=_OUTBOX, records=events)
    attached = [(int(r.details["component"]), r.id) for r in rows if r.details and "component" in r.details]
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


async def save_status(tx: Connection, states: Sequence[tuple[UUID, UUID, int, str, bool]]) -> None:
    """(report, case, version, status, handed over), each report once, in the order of the ids; an older state changes
    nothing.
    """
    await tx.execute(SAVE_STATUS, *zip(*states, strict=True))
