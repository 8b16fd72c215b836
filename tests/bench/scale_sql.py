"""How some real reports become as many as are wanted, with all that a city keeps of each; tables are filled without
their indexes, which are made afterwards as the migrations have them.

A city of a million reports a year: the last of them come a few seconds before `until`, the first as many years before
as there are millions. What is younger than two days is open; one report in ten was merged into the one before it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

EVERY_MS = 31_536
OPEN = 5_479  # reports of the last two days

# Ids are UUIDv7 of the time at which a report came: {kind} r for the report's, c for its case's, s for its subject's.
_ID = """(lpad(to_hex({ms}), 12, '0') || '7' || substr(md5('{kind}' || {n}), 1, 3)
          || '8' || substr(md5('{kind}' || {n}), 4, 15))::uuid"""
_PERSON = "md5('s' || n / 15)::uuid"  # three reports each, one in five names its reporter

SAMPLE = """
    CREATE SCHEMA sample;
    CREATE TABLE sample.reports AS SELECT row_number() OVER (ORDER BY id) - 1 AS s, r.* FROM intake.reports r;
    CREATE TABLE sample.personal AS SELECT row_number() OVER (ORDER BY report_id) - 1 AS p, k.* FROM intake.personal k;
    CREATE TABLE sample.subjects AS SELECT row_number() OVER (ORDER BY id) - 1 AS p, k.* FROM intake.subjects k;
    CREATE TABLE sample.components AS
        SELECT row_number() OVER (ORDER BY md5(code::text)) - 1 AS c, code FROM intake.components;
    CREATE TABLE sample.places AS
        SELECT row_number() OVER (ORDER BY md5(path)) - 1 AS g, path, lon, lat FROM intake.areas
         WHERE level = 'grid' AND ended_at IS NULL;
    DELETE FROM intake.personal;
    DELETE FROM intake.subjects;
    TRUNCATE intake.reports, intake.outbox, intake.clusters, intake.merged_reports, intake.report_facts,
             intake.component_reports;
    ANALYZE;
"""

# 7919 is a prime: neighbours in time lie in grids far from each other. A merged report is of its neighbour's matter.
MADE = f"""
    CREATE UNLOGGED TABLE sample.made AS
    SELECT n, to_timestamp(ms / 1000.0) AS at, s, merged, {_ID.format(kind="r", ms="ms", n="n")} AS report_id,
           {_ID.format(kind="r", ms="first_ms", n="matter")} AS first_id,
           {_ID.format(kind="c", ms="first_ms", n="matter")} AS case_id,
           upper(substr(md5('t' || n), 1, 12)) AS code, g.path, g.lon, g.lat, n < {{count}} - {OPEN} AS ended
      FROM (SELECT n, n - (n % 10 = 3)::int AS matter, n % 10 = 3 AS merged,
                   {{until_ms}} - ({{count}} - n) * {EVERY_MS} AS ms,
                   {{until_ms}} - ({{count}} - n + (n % 10 = 3)::int) * {EVERY_MS} AS first_ms,
                   n % (SELECT count(*) FROM sample.reports) AS s
              FROM generate_series(0::bigint, {{count}} - 1) AS n) AS numbers
      JOIN sample.places g ON g.g = matter * 7919 % (SELECT count(*) FROM sample.places)
"""
_REPORTS = {
    "id": "m.report_id",
    "tracking_code": "m.code",
    "routing_key": "m.path",
    "lon": "m.lon",
    "lat": "m.lat",
    "received_at": "m.at",
}
_PERSONAL = {
    "report_id": "m.report_id",
    "subject": _PERSON,
    "code": "sha256(convert_to(m.code, 'UTF8'))",
    "received_at": "m.at",
    "ended_at": "CASE WHEN m.ended THEN m.at + interval '2 days' END",
}


class Filling(NamedTuple):
    """A table, and the statement that fills it from `sample.made`."""

    table: str
    statement: str


FILLINGS = (
    Filling(
        "intake.open311_updates",
        """SELECT m.case_id, step.version, m.at + step.after, step.act, step.status,
                  CASE WHEN step.version > 1 THEN 'sanitation' END, m.at + interval '3 days', NULL
             FROM sample.made m, LATERAL (VALUES
                  (1, interval '2 seconds', 'open', 'reported', true),
                  (7, interval '40 minutes', 'dispatch', 'dispatched', true),
                  (14, interval '2 days', 'close', 'closed', m.ended)) AS step (version, after, act, status, known)
            WHERE NOT m.merged AND step.known""",
    ),
    Filling("intake.reports", ""),
    Filling(
        "intake.open311_requests",
        """SELECT m.report_id, m.case_id, false, NOT m.ended, r.category, m.path, m.lon, m.lat
             FROM sample.made m JOIN sample.reports r USING (s)""",
    ),
    Filling(
        "notify.tracked_reports",
        """SELECT report_id, encode(sha256(convert_to(code, 'UTF8')), 'hex'), at, s % 5 = 1, NULL::timestamptz
             FROM sample.made""",
    ),
    Filling(
        "notify.tracked_steps",
        """SELECT m.case_id, step.version, step.status, m.at + step.after
             FROM sample.made m, LATERAL (VALUES
                  (1, interval '2 seconds', 'reported', true),
                  (14, interval '2 days', 'closed', m.ended)) AS step (version, after, status, known)
            WHERE NOT m.merged AND step.known""",
    ),
    Filling("notify.tracked_links", "SELECT report_id, case_id, false FROM sample.made"),
    Filling(
        "intake.report_status",
        """SELECT report_id, case_id, CASE WHEN ended THEN 14 ELSE 7 END,
                  CASE WHEN ended THEN 'closed' ELSE 'dispatched' END, false FROM sample.made""",
    ),
    Filling(
        "intake.first_asked",
        """SELECT m.report_id, 'app:bench', m.path, m.at, m.at + interval '40 minutes', 'dispatcher', 'dispatcher',
                  'dispatch' FROM sample.made m""",
    ),
    Filling("intake.personal", ""),
    Filling("intake.merged_reports", "SELECT report_id, first_id, at, NULL, path FROM sample.made WHERE merged"),
    Filling("intake.report_facts", "SELECT report_id, 2 FROM sample.made WHERE merged"),
    Filling(
        "intake.component_reports",
        """SELECT c.code, m.report_id FROM sample.made m
             JOIN sample.components c ON c.c = n % 7919 WHERE n % 20 = 2""",
    ),
)
PEOPLE = f"""
    INSERT INTO intake.subjects (id, mark, key, created_at)
        SELECT {_PERSON}, substr(sha256(convert_to('s' || n / 15, 'UTF8')), 1, 16), k.key, m.at
          FROM sample.made m JOIN sample.subjects k ON k.p = n / 15 % (SELECT count(*) FROM sample.subjects)
         WHERE n % 15 = 1;
"""
# The open part's clusters keep their age; when it is measured they are as old as they were when it was built.
CLUSTERED = """
    SELECT m.report_id, r.category, m.lon, m.lat, extract(epoch FROM $1::timestamptz - m.at)::float8 AS age, m.path,
           1 + (m.n % 10 = 2)::int AS reports
      FROM sample.made m JOIN sample.reports r USING (s) WHERE NOT m.merged AND NOT m.ended
"""
AGES = """
    CREATE SCHEMA bench;
    CREATE TABLE bench.clusters (
        id uuid, spot bigint, category text, lon float8, lat float8, age float8, record_key text, reports int,
        lasts float8)
"""
# What a measurement left behind is taken away: all that is younger than what was stored.
CLEAR = """
    TRUNCATE intake.outbox, intake.idempotency, intake.clusters;
    DELETE FROM intake.component_reports WHERE report_id >= '{newer}';
    DELETE FROM intake.report_facts WHERE report_id >= '{newer}';
    DELETE FROM intake.merged_reports WHERE report_id >= '{newer}';
    DELETE FROM intake.personal WHERE report_id >= '{newer}';
    DELETE FROM intake.subjects WHERE created_at >= '{until}';
    DELETE FROM intake.reports WHERE id >= '{newer}';
    INSERT INTO intake.clusters (id, spot, category, lon, lat, seen_at, record_key, reports, expires_at)
        SELECT id, spot, category, lon, lat, now() - age * interval '1 second', record_key, reports,
               now() + (lasts - age) * interval '1 second' FROM bench.clusters WHERE lasts > age;
"""
CLEARED = (
    "component_reports", "report_facts", "merged_reports", "personal", "subjects", "subject_marks", "reports",
    "clusters", "outbox",
)  # fmt: skip

_INDEXES = """
    SELECT pg_get_indexdef(i.indexrelid) AS made_by, i.indexrelid::regclass::text AS name, c.conname AS named
      FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'p'
     WHERE i.indrelid = $1::text::regclass
"""


async def make_numbers(connection: "asyncpg.Connection[asyncpg.Record]", count: int, until: datetime) -> None:
    """The ids, times and places of `count` reports."""
    until_ms = int(until.timestamp() * 1000)
    await connection.execute(MADE.format(count=count, until_ms=until_ms), timeout=None)
    await connection.execute("ANALYZE sample.made")


async def fill(connection: "asyncpg.Connection[asyncpg.Record]", filling: Filling) -> None:
    """One table, then its indexes. Emptied and filled in one transaction it is not written to the log as well."""
    table = filling.table
    indexes = await connection.fetch(_INDEXES, table)
    select = filling.statement
    if table == "intake.reports":
        select = await _copied(connection, table, _REPORTS, "sample.reports x USING (s)")
    elif table == "intake.personal":
        joined = "sample.personal x ON x.p = m.n / 5 % (SELECT count(*) FROM sample.personal) AND m.n % 5 = 1"
        select = await _copied(connection, table, _PERSONAL, joined)
    async with connection.transaction():
        await connection.execute("SET LOCAL synchronize_seqscans = off")
        for index in indexes:
            if index["named"] is None:
                await connection.execute(f"DROP INDEX {index['name']}")
            else:
                await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {index['named']}")
        await connection.execute(f"TRUNCATE {table}")
        await connection.execute(f"INSERT INTO {table} {select}")
        for index in indexes:
            await connection.execute(index["made_by"])
            if index["named"] is not None:
                name = index["name"].rpartition(".")[2]
                await connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY USING INDEX {name}")


async def _copied(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str, changed: dict[str, str], joined: str
) -> str:
    """Every column of the sample's row but those that differ from copy to copy: a new column is copied like others."""
    found = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        table,
    )
    values: Sequence[str] = [changed.get(row["attname"], f"x.{row['attname']}") for row in found]
    return f"SELECT {', '.join(values)} FROM sample.made m JOIN {joined}"
