"""Very many open cases, each with its running clock, made by the server itself: 10⁵ in four seconds."""

from typing import Any

import orjson

from services.dispatch.store.clocks import LOCK_DUE
from shared.postgres import Connection

# Case number n falls due `first + n * apart` seconds from now; its whole accept clock has fifteen minutes.
_FILL = """
    WITH made AS (
        SELECT n, lpad(to_hex(n), 32, '0')::uuid AS id,
               date_trunc('milliseconds', now()) + make_interval(secs => $3::float8 + (n - $1::int) * $4::float8) AS due
          FROM generate_series($1::int, $2::int) AS n
    ), timed AS (
        INSERT INTO dispatch.clocks (case_id, stage, step, due_at, generation)
        SELECT id, 'accept', 'warn', due, 1 FROM made
    )
    INSERT INTO dispatch.cases (id, report_id, number, status, version, revision, area, born_in, lon, lat, category,
                                description, source, opened_at, reports, provisional_edition, clocks)
    SELECT id, id, 'HD' || n, 'reported', 1, 1, area, area, 116.3, 39.9, '01003', '雨水井盖破损', 'app', due, ARRAY[id],
           NULL, jsonb_build_object('accept', jsonb_build_object(
               'limit', 900000000, 'continuous', true, 'generation', 1,
               'since', micros - 720000000, 'warn_at', micros, 'due_at', micros + 180000000))
      FROM made, LATERAL (SELECT (extract(epoch FROM due) * 1000000)::bigint AS micros,
                                 format('110108.%s.001.001', lpad((n % 29 + 1)::text, 3, '0')) AS area) AS more
"""


async def fill(connection: Connection, first: int, last: int, *, due_in: float, apart: float) -> None:
    """Add the cases `first` to `last`: the first one's clock reaches its yellow in `due_in` seconds, each other one
    `apart` seconds after the one before it.
    """
    await connection.execute(_FILL, first, last, due_in, apart, timeout=600)


async def look(connection: Connection, batch: int) -> dict[str, Any]:
    """What one look at the due table did, and is then undone: `buffers` touched, `rows` found, the `plan` as text."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"PREPARE look (int) AS {LOCK_DUE}")
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE look ({batch})")
    finally:
        await connection.execute("DEALLOCATE look")
        await transaction.rollback()
    plan = (orjson.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return {"buffers": buffers, "rows": plan["Actual Rows"], "plan": orjson.dumps(plan).decode()}
