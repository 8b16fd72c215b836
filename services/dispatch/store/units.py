"""Handling units: those that the pack names, and those that imports have taken over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

# Written only where something differs: every start of every replica comes by.
LOAD = """
    INSERT INTO dispatch.units AS u (code, name_zh, name_en, dept, area)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    ON CONFLICT (code) DO UPDATE
       SET name_zh = excluded.name_zh, name_en = excluded.name_en, dept = excluded.dept, area = excluded.area,
           retired = false
     WHERE (u.name_zh, u.name_en, u.dept, u.area, u.retired)
           IS DISTINCT FROM (excluded.name_zh, excluded.name_en, excluded.dept, excluded.area, false)
"""
# A unit that the pack no longer names stays for the cases it had.
RETIRE = "UPDATE dispatch.units SET retired = true WHERE NOT retired AND NOT code = ANY ($1::text[])"

# The pack's units and, before them, those that imports have taken over: as they were at $4, or now.
_TAKEN_PART = """
    WITH at AS (SELECT coalesce($4::timestamptz, clock_timestamp()) AS at),
    taken AS (
        SELECT DISTINCT ON (v.code) v.* FROM dispatch.unit_versions v, at WHERE v.valid_from <= at.at
         ORDER BY v.code, v.valid_from DESC
    )"""
# A unit is for an area if it works in a part of it, or the area is a part of the unit's own.
PAGE = f"""{_TAKEN_PART}, u AS (
        SELECT code, name_zh, name_en, dept, area, leader, valid_from, valid_until
          FROM taken, at WHERE taken.valid_until IS NULL OR taken.valid_until > at.at
        UNION ALL
        SELECT code, name_zh, name_en, dept, area, NULL, NULL, NULL FROM dispatch.units p
         WHERE NOT p.retired AND NOT EXISTS (SELECT FROM taken WHERE taken.code = p.code)
    )
    SELECT * FROM u
     WHERE u.code > $2
       AND ({prefix_sql("u.area", "$1")} OR u.area = '' OR u.area = $1 OR starts_with($1, u.area || '.'))
     ORDER BY u.code
     LIMIT $3
"""
# Units that are no more: ended by an import, or left out by the pack.
DISSOLVED = """
    WITH taken AS (
        SELECT DISTINCT ON (code) * FROM dispatch.unit_versions WHERE valid_from <= clock_timestamp()
         ORDER BY code, valid_from DESC
    )
    SELECT code, name_zh, name_en, dept, area, leader, valid_from, valid_until, successor
      FROM taken WHERE valid_until <= clock_timestamp()
    UNION ALL
    SELECT code, name_zh, name_en, dept, area, NULL, NULL, NULL, NULL FROM dispatch.units p
     WHERE p.retired AND NOT EXISTS (SELECT FROM taken WHERE taken.code = p.code)
     ORDER BY code
"""


class UnitRow(NamedTuple):
    code: str
    name_zh: str
    name_en: str
    dept: str
    area: str


async def load(tx: Connection, units: Sequence[UnitRow]) -> None:
    """Make the table say what the pack says; doing it again changes nothing."""
    ordered = sorted(units)
    await tx.execute(LOAD, *([unit[n] for unit in ordered] for n in range(5)))
    await tx.execute(RETIRE, [unit.code for unit in ordered])


async def page(
    connection: Connection, area: AreaPath, at: datetime | None, after: str, limit: int
) -> list[dict[str, Any]]:
    """Units that work in `area`, by code: {code, name, name_en, dept, area, leader, valid_from, valid_until}."""
    return [_shown(row) for row in await connection.fetch(PAGE, area, after, limit, at)]


async def dissolved(connection: Connection) -> dict[str, dict[str, Any]]:
    """Units that are no more, by code, each also with its successor where one was named."""
    return {row["code"]: _shown(row) | {"successor": row["successor"]} for row in await connection.fetch(DISSOLVED)}


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    plain = ("code", "name_en", "dept", "area", "leader", "valid_from", "valid_until")
    return {"name": row["name_zh"]} | {column: row[column] for column in plain}
