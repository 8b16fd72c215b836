"""Duty rosters: rows in force, and those that an import replaced."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from services.dispatch.domain.roster import Duty
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

_COLUMNS = (
    "area",
    "a",
    "b",
    "weekdays",
    "from_minute",
    "until_minute",
    "from_day",
    "until_day",
    "absent_a",
    "absent_b",
)
_NAMES = ", ".join(_COLUMNS)
IN_FORCE = f"SELECT id, {_NAMES} FROM dispatch.roster WHERE known_until IS NULL ORDER BY id"
KNOWN_AT = f"""
    SELECT id, {_NAMES} FROM dispatch.roster
     WHERE known_from <= $1 AND (known_until IS NULL OR known_until > $1) ORDER BY id
"""
PAGE = f"""
    SELECT r.id, {_NAMES} FROM dispatch.roster r
     WHERE r.known_from <= $1 AND (r.known_until IS NULL OR r.known_until > $1) AND r.id > $4
       AND {prefix_sql("r.area", "$2")} AND {prefix_sql("r.area", "$3")}
     ORDER BY r.id LIMIT $5
"""
END = "UPDATE dispatch.roster SET known_until = $2 WHERE id = ANY ($1::bigint[])"


async def in_force(connection: Connection) -> dict[int, Duty]:
    """Rows that no import has replaced, by id."""
    return {row["id"]: _duty(row) for row in await connection.fetch(IN_FORCE)}


async def known_at(connection: Connection, at: datetime) -> dict[int, Duty]:
    """Rows that were in force at that time."""
    return {row["id"]: _duty(row) for row in await connection.fetch(KNOWN_AT, at)}


async def page(
    connection: Connection, at: datetime, seen: AreaPath, area: AreaPath, after: int, limit: int
) -> list[tuple[int, Duty]]:
    """Rows of areas within both `seen` and `area`, by id."""
    return [(row["id"], _duty(row)) for row in await connection.fetch(PAGE, at, seen, area, after, limit)]


async def replace(tx: Connection, ended: Sequence[int], fresh: Sequence[Duty], at: datetime) -> None:
    """End some rows at `at` and add others from then on."""
    await tx.execute(END, ended, at)
    columns = (*_COLUMNS, "known_from")
    records = [(*_row(duty), at) for duty in fresh]
    await tx.copy_records_to_table("roster", schema_name="dispatch", columns=columns, records=records)


def _row(duty: Duty) -> tuple[Any, ...]:
    days = (sorted(duty.absent_a), sorted(duty.absent_b))
    return (duty.area, duty.a, duty.b, sorted(duty.weekdays), *duty[4:8], *days)


def _duty(row: asyncpg.Record) -> Duty:
    found = [row[column] for column in _COLUMNS]
    found[0] = AreaPath(found[0])
    for n in (3, 8, 9):
        found[n] = frozenset(found[n])
    return Duty(*found)
