"""Registers with a history: units as imported, and persons. The newest of each is a number in `dispatch.registers`."""

from datetime import datetime
from typing import NamedTuple

import asyncpg

from services.dispatch.domain.people import PersonFields, UnitFields
from services.dispatch.domain.register import Entry, Plan
from shared.kernel.area import AreaPath
from shared.postgres import Connection

# Taken first by whoever changes the register: imports come one after another. The time is taken under the lock.
LOCK = "SELECT version, clock_timestamp() AS now FROM dispatch.registers WHERE name = $1 FOR UPDATE"
RAISE = "UPDATE dispatch.registers SET version = version + 1 WHERE name = $1"
VERSIONS = "SELECT name, version, clock_timestamp() AS now FROM dispatch.registers WHERE name = ANY ($1::text[])"

LAST_UNITS = """
    SELECT DISTINCT ON (code) code, valid_from, valid_until, successor, name_zh, name_en, dept, area, leader
      FROM dispatch.unit_versions ORDER BY code, valid_from DESC
"""
UNITS_AT = """
    SELECT DISTINCT ON (code) code, valid_from, valid_until, successor, name_zh, name_en, dept, area, leader
      FROM dispatch.unit_versions WHERE valid_from <= $1 ORDER BY code, valid_from DESC
"""
LAST_PERSONS = """
    SELECT DISTINCT ON (subject) subject, valid_from, valid_until, successor, name, phone, post, unit, area
      FROM dispatch.persons ORDER BY subject, valid_from DESC
"""
PERSONS_AT = """
    SELECT DISTINCT ON (subject) subject, valid_from, valid_until, successor, name, phone, post, unit, area
      FROM dispatch.persons WHERE valid_from <= $1 ORDER BY subject, valid_from DESC
"""
PERSON = """
    SELECT subject, valid_from, valid_until, successor, name, phone, post, unit, area, clock_timestamp() AS now
      FROM dispatch.persons WHERE subject = $1 AND valid_from <= clock_timestamp() ORDER BY valid_from DESC LIMIT 1
"""
# The next instant after $1 at which something begins or ends by what was recorded before.
NEXT_UNITS = """
    SELECT min(at) FROM dispatch.unit_versions, LATERAL (VALUES (valid_from), (valid_until)) AS t (at) WHERE at > $1
"""
NEXT_PERSONS = """
    SELECT min(at) FROM dispatch.persons, LATERAL (VALUES (valid_from), (valid_until)) AS t (at) WHERE at > $1
"""
END_UNITS = """
    UPDATE dispatch.unit_versions u SET valid_until = e.until, successor = coalesce(e.successor, u.successor)
      FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[]) AS e (key, since, until, successor)
     WHERE u.code = e.key AND u.valid_from = e.since
"""
END_PERSONS = """
    UPDATE dispatch.persons p SET valid_until = e.until, successor = coalesce(e.successor, p.successor)
      FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[]) AS e (key, since, until, successor)
     WHERE p.subject = e.key AND p.valid_from = e.since
"""
_UNIT_COLUMNS = ("code", "valid_from", "valid_until", "successor", *UnitFields._fields)
_PERSON_COLUMNS = ("subject", "valid_from", "valid_until", "successor", *PersonFields._fields)


class Now(NamedTuple):
    """A register's number, and the database's time."""

    version: int
    at: datetime


async def lock(tx: Connection, name: str) -> Now:
    row = await tx.fetchrow(LOCK, name)
    assert row is not None
    return Now(row["version"], row["now"])


async def raise_version(tx: Connection, name: str) -> None:
    await tx.execute(RAISE, name)


async def versions(connection: Connection, names: list[str]) -> tuple[dict[str, int], datetime]:
    """The number of each register, and the database's time: what every replica asks twice a second."""
    rows = await connection.fetch(VERSIONS, names)
    return {row["name"]: row["version"] for row in rows}, rows[0]["now"]


async def last_units(connection: Connection) -> dict[str, Entry]:
    """Each imported unit's entry that begins last, true or to come."""
    return {row["code"]: _unit(row) for row in await connection.fetch(LAST_UNITS)}


async def units_at(connection: Connection, at: datetime) -> dict[str, Entry]:
    """Each unit that an import had taken over by then, as it was, or as it had ended."""
    return {row["code"]: _unit(row) for row in await connection.fetch(UNITS_AT, at)}


async def last_persons(connection: Connection) -> dict[str, Entry]:
    """Each person's entry that begins last, true or to come."""
    return {row["subject"]: _person(row) for row in await connection.fetch(LAST_PERSONS)}


async def persons_at(connection: Connection, at: datetime) -> dict[str, Entry]:
    """Each person in a post at that time."""
    return {key: entry for key, entry in (await persons_until(connection, at)).items() if entry.true_at(at)}


async def persons_until(connection: Connection, at: datetime) -> dict[str, Entry]:
    """Each person who had been in a post by then, with the entry that was the last to begin."""
    return {row["subject"]: _person(row) for row in await connection.fetch(PERSONS_AT, at)}


async def person(connection: Connection, subject: str) -> Entry | None:
    """The person, if in a post now."""
    row = await connection.fetchrow(PERSON, subject)
    entry = _person(row) if row else None
    return entry if row and entry and entry.true_at(row["now"]) else None


async def next_change(connection: Connection, at: datetime) -> datetime | None:
    """When something begins or ends next by what was recorded before."""
    units, persons = await connection.fetchval(NEXT_UNITS, at), await connection.fetchval(NEXT_PERSONS, at)
    return min((each for each in (units, persons) if each), default=None)


async def save_units(tx: Connection, plan: Plan) -> None:
    """End and add what the plan says, and raise the register's number."""
    await _save(tx, plan, END_UNITS, "unit_versions", _UNIT_COLUMNS, "units")


async def save_persons(tx: Connection, plan: Plan) -> None:
    """End and add what the plan says, and raise the register's number."""
    await _save(tx, plan, END_PERSONS, "persons", _PERSON_COLUMNS, "people")


async def _save(tx: Connection, plan: Plan, end: str, table: str, columns: tuple[str, ...], name: str) -> None:
    keys = list(plan.ended)
    untils = [plan.ended[key] for key in keys]
    await tx.execute(end, [k[0] for k in keys], [k[1] for k in keys], [u[0] for u in untils], [u[1] for u in untils])
    records = [
        (entry.key, entry.valid_from, entry.valid_until, entry.successor, *entry.fields)
        for entry in plan.added.values()
    ]
    await tx.copy_records_to_table(table, schema_name="dispatch", columns=columns, records=records)
    await raise_version(tx, name)


def _unit(row: asyncpg.Record) -> Entry:
    fields = UnitFields(row["name_zh"], row["name_en"], row["dept"], AreaPath(row["area"]), row["leader"])
    return Entry(row["code"], fields, row["valid_from"], row["valid_until"], row["successor"])


def _person(row: asyncpg.Record) -> Entry:
    fields = PersonFields(row["name"], row["phone"], row["post"], row["unit"], AreaPath(row["area"]))
    return Entry(row["subject"], fields, row["valid_from"], row["valid_until"], row["successor"])
